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

    private static PackageList Debian => PackageList.Of("ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n", Read(PackageFiles.DpkgStatus, Status));
    private static PackageList Alpine => PackageList.Of("ID=alpine\nVERSION_ID=3.18.3\n", Read(PackageFiles.ApkInstalled, "P:libcrypto3\nV:3.1.2-r0\no:openssl\n\nP:musl\nV:1.2.4-r0\no:musl\n"));

    private static IEnumerable<Package> Read(string path, string text) => PackageFiles.ParserOf(path)!(Encoding.UTF8.GetBytes(text));

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

    [Fact]
    public void Packages_of_languages_are_held_against_their_own_index()
    {
        var installed = PackageList.Of("ID=debian\nVERSION_ID=12\n", [Package.Of(PackageKind.Npm, "lodash", "4.17.20"), Package.Of(PackageKind.PyPI, "Jinja2", "2.11.3"), Package.Of(PackageKind.Golang, "golang.org/x/net", "0.7.0"), Package.Of(PackageKind.PyPI, "lodash", "1.0"), Package.Of(PackageKind.NuGet, "Newtonsoft.Json", "12.0.3")]);
        static string Record(string id, string ecosystem, string name, string range) => $$$"""{"id":"{{{id}}}","aliases":["CVE-{{{id}}}"],"affected":[{"package":{"ecosystem":"{{{ecosystem}}}","name":"{{{name}}}"},"ranges":[{"type":"SEMVER","events":[{{{range}}}]}]}],"database_specific":{"severity":"HIGH"}}""";
        var found = Match(installed,
            ("a.json", Record("1", "npm", "lodash", """{"introduced":"0"},{"fixed":"4.17.21"}""")),
            ("b.json", Record("2", "PyPI", "jinja2", """{"introduced":"0"},{"fixed":"2.11"},{"introduced":"2.11.1"},{"last_affected":"2.11.3"}""")),
            ("c.json", Record("3", "Go", "golang.org/x/net", """{"introduced":"0"},{"fixed":"0.7.0"}""")),
            ("d.json", Record("4", "NuGet", "Newtonsoft.Json", """{"introduced":"0"},{"fixed":"13.0.1"}""")));
        found.Select(finding => (finding.Id, finding.Package, finding.Fixed, finding.Severity)).ShouldBe([("CVE-1", "lodash", "4.17.21", "HIGH"), ("CVE-2", "jinja2", null, "HIGH"), ("CVE-4", "newtonsoft.json", "13.0.1", "HIGH")]);
    }

    [Theory]
    [InlineData("rocky", "9.3", "Rocky Linux:9", "openssl", true)]
    [InlineData("rhel", "9.3", "Red Hat:enterprise_linux:9::baseos", "openssl-libs", true)]
    [InlineData("rhel", "8.9", "Red Hat:enterprise_linux:9::baseos", "openssl-libs", false)]
    [InlineData("opensuse-leap", "15.5", "openSUSE:Leap 15.5", "openssl", true)]
    [InlineData("almalinux", "9.3", "Rocky Linux:9", "openssl", false)]
    public void Packages_of_rpm_are_meant_by_their_own_and_by_their_sources_names(string id, string version, string ecosystem, string name, bool isFound)
    {
        var installed = PackageList.Of($"ID={id}\nVERSION_ID={version}\n", [new Package(PackageKind.Rpm, "openssl-libs", "1:3.0.7-24.el9", "openssl", "1:3.0.7-24.el9")]);
        var found = Match(installed, ("a.json", $$$"""{"id":"RLSA-1","upstream":["CVE-5"],"affected":[{"package":{"ecosystem":"{{{ecosystem}}}","name":"{{{name}}}"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:3.0.7-25.el9"}]}]}]}"""));
        found.Select(finding => (finding.Id, finding.Package)).ShouldBe(isFound ? [("CVE-5", "openssl-libs")] : []);
    }
}
