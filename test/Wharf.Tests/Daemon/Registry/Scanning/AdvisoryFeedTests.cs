using System.IO.Compression;
using System.Text;
using Shouldly;
using Wharf.Daemon.Registry.Scanning;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Daemon.Registry.Scanning;

public sealed class AdvisoryFeedTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-feeds-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private const string Status = """
        Package: libssl3
        Status: install ok installed
        Source: openssl
        Version: 3.0.11-1~deb12u1
        Description: one
         more: no field

        Package: gone
        Status: deinstall ok config-files
        Version: 1

        Package: zlib1g
        Status: install ok installed
        Source: zlib (1:1.2.13.dfsg-1)
        Version: 1:1.2.13.dfsg-1+b1
        """;

    private static PackageList Debian => PackageList.Of(new Dictionary<string, string> { [PackageList.DpkgStatus] = Status, [PackageList.OsRelease] = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n" });
    private static PackageList Alpine => PackageList.Of(new Dictionary<string, string> { [PackageList.ApkInstalled] = "P:libcrypto3\nV:3.1.2-r0\no:openssl\n\nP:musl\nV:1.2.4-r0\no:musl\n", [PackageList.OsRelease] = "ID=alpine\nVERSION_ID=3.18.3\n" });

    private List<Finding> Match(PackageList installed, params (string Name, string Text)[] feeds)
    {
        foreach (var (name, text) in feeds) File.WriteAllText(Path.Combine(_directory, name), text);
        return new AdvisoryFeed([.. feeds.Select(feed => Path.Combine(_directory, feed.Name))]).Match(installed, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Dpkg_tells_the_source_package_and_its_version()
    {
        Debian.Packages.Select(package => (package.Name, package.Version, package.Source, package.SourceVersion)).ShouldBe([
            ("libssl3", "3.0.11-1~deb12u1", "openssl", "3.0.11-1~deb12u1"), ("zlib1g", "1:1.2.13.dfsg-1+b1", "zlib", "1:1.2.13.dfsg-1")]);
        (Debian.Os, Debian.Version, Debian.Codename).ShouldBe(("debian", "12", "bookworm"));
    }

    [Fact]
    public void Debians_tracker_is_read_piece_by_piece()
    {
        // Longer than what is read at a time, before and within what counts.
        var padding = string.Join(',', Enumerable.Range(0, 5000).Select(i => """
            "otherN":{"CVE-1-N":{"description":"LONG","releases":{"bookworm":{"status":"open","urgency":"high"}}}}
            """.Replace("N", i.ToString(), StringComparison.Ordinal).Replace("LONG", new string('x', 100), StringComparison.Ordinal)));
        var found = Match(Debian, ("tracker.json", """
            {PADDING,"openssl":{
              "CVE-2023-1":{"description":"LONG","releases":{"bookworm":{"status":"resolved","fixed_version":"3.0.11-1~deb12u2","urgency":"not yet assigned"},"sid":{"status":"open"}}},
              "CVE-2023-2":{"releases":{"bookworm":{"status":"resolved","fixed_version":"3.0.9-1","urgency":"low"}}},
              "CVE-2023-3":{"releases":{"bookworm":{"status":"resolved","fixed_version":"0","urgency":"unimportant"}}},
              "CVE-2023-4":{"releases":{"sid":{"status":"open"}}}},
             "zlib":{"CVE-2023-5":{"releases":{"bookworm":{"status":"open","urgency":"medium"}}},"TEMP-1":{"releases":{"bookworm":{"status":"undetermined"}}}}}
            """.Replace("PADDING", padding, StringComparison.Ordinal).Replace("LONG", new string('y', 1000), StringComparison.Ordinal)));
        found.Select(finding => (finding.Id, finding.Package, finding.Fixed, finding.Severity)).ShouldBe([("CVE-2023-1", "libssl3", "3.0.11-1~deb12u2", "not yet assigned"), ("CVE-2023-5", "zlib1g", null, "medium")]);
        found[0].Summary!.Length.ShouldBe(301);
    }

    [Fact]
    public void Osv_records_come_alone_and_in_zips()
    {
        const string Record = """
            {"id":"DEBIAN-CVE-2024-1","upstream":["CVE-2024-1"],"summary":"s","affected":[
              {"package":{"ecosystem":"Debian:11","name":"openssl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]},
              {"package":{"ecosystem":"Debian:12","name":"openssl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"3.0"},{"fixed":"3.0.12-1"}]}],"ecosystem_specific":{"urgency":"high"}}]}
            """;
        using (var zip = ZipFile.Open(Path.Combine(_directory, "all.zip"), ZipArchiveMode.Create))
            foreach (var (name, text) in new[] { ("a.json", Record), ("b.json", Record.Replace("2024-1", "2024-2").Replace("\"3.0\"", "\"3.1\"")), ("c.json", Record.Replace("2024-1", "2024-3").Replace("\"id\"", "\"withdrawn\":\"2024-01-01T00:00:00Z\",\"id\"")) })
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(Encoding.UTF8.GetBytes(text));
            }
        var found = new AdvisoryFeed([_directory]).Match(Debian, TestContext.Current.CancellationToken);
        found.Select(finding => (finding.Id, finding.Package, finding.Fixed, finding.Severity)).ShouldBe([("CVE-2024-1", "libssl3", "3.0.12-1", "high")]);
        Match(Debian, ("one.json", Record)).Count.ShouldBe(1);
        Match(Alpine, ("one.json", Record)).ShouldBeEmpty();
        Match(Alpine, ("alpine.json", """{"id":"ALPINE-CVE-2024-9","affected":[{"package":{"ecosystem":"Alpine:v3.18","name":"musl"},"versions":["1.2.4-r0"]}]}""")).Select(finding => finding.Package).ShouldBe(["musl"]);
    }

    [Fact]
    public void Alpines_secdb_names_the_versions_that_mended()
    {
        const string Text = """{"distroversion":"v3.18","packages":[{"pkg":{"name":"openssl","secfixes":{"0":["CVE-0"],"3.1.1-r1":["CVE-1"],"3.1.4-r0":["CVE-2 GHSA-x","CVE-3"]}}}]}""";
        Match(Alpine, ("main.json", Text)).Select(finding => (finding.Id, finding.Package, finding.Fixed)).ShouldBe([("CVE-2", "libcrypto3", "3.1.4-r0"), ("CVE-3", "libcrypto3", "3.1.4-r0")]);
        Match(Alpine, ("main.json", Text.Replace("v3.18", "v3.1"))).ShouldBeEmpty();
    }

    [Fact]
    public void A_feed_that_is_none_is_an_error_and_not_an_empty_answer()
    {
        foreach (var text in (string[])["", "{", """{"a":{"b":{"c":1}""", "[1]x"]) Should.Throw<WharfException>(() => Match(Debian, ("bad.json", text))).Kind.ShouldBe(ErrorKind.Unavailable);
        Should.Throw<WharfException>(() => new AdvisoryFeed([Path.Combine(_directory, "none.json")]).Match(Debian, TestContext.Current.CancellationToken));
    }
}
