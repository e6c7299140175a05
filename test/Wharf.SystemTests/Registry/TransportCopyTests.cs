using System.Formats.Tar;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Images;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary><c>wharf registry copy</c> with skopeo's transports for files, and the same files read and written by skopeo.</summary>
public sealed class TransportCopyTests : CopyTests
{
    private string _index = "", _image = "";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        var entries = new JsonArray();
        foreach (var architecture in (string[])["amd64", "arm64"])
        {
            var entry = await Writer.ImageAsync("app", architecture, [TestTrees.Small(architecture, 50_000), TestTrees.Small($"{architecture} above")]);
            if (architecture == "amd64") _image = entry["digest"]!.GetValue<string>();
            entry["platform"] = new JsonObject { ["architecture"] = architecture, ["os"] = "linux" };
            entries.Add((JsonNode)entry);
        }
        _index = (await Writer.ManifestAsync("app", "v1", new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.index.v1+json", ["manifests"] = entries }))["digest"]!.GetValue<string>();
        // The same image with compressed layers.
        await SkopeoAsync("copy", Remote("app:amd64"), Remote("zipped:v1"));
    }

    private string Remote(string name) => $"docker://{Registry.Address}/{name}";

    private static async Task<string> SkopeoAsync(string verb, params string[] args) =>
        (await CommandResult.RunAsync("skopeo", [verb, .. verb == "copy" ? (string[])["--src-tls-verify=false", "--dest-tls-verify=false"] : ["--tls-verify=false"], .. args])).ShouldExit(0).Text;

    private async Task<string> DigestAsync(string name) => await SkopeoAsync("inspect", "--format", "{{.Digest}}", Remote(name));

    [Theory]
    [InlineData("dir:{0}/x", "dir:{0}/x")]
    [InlineData("oci-archive:{0}/x.tar:kept", "oci-archive:{0}/x.tar:kept")]
    [InlineData("oci-archive:{0}/x.tar:kept", "oci-archive:{0}/x.tar")]
    public async Task An_index_goes_to_skopeo_and_comes_from_skopeo_under_its_digest(string written, string read)
    {
        (written, read) = (string.Format(System.Globalization.CultureInfo.InvariantCulture, written, Work), string.Format(System.Globalization.CultureInfo.InvariantCulture, read, Work));
        (await CopyAsync(Remote("app:v1"), written)).ShouldExit(0).Text.ShouldBe($"{written}: digest: {_index}");
        await SkopeoAsync("copy", "--all", "--preserve-digests", read, Remote("theirs:v1"));
        (await DigestAsync("theirs:v1")).ShouldBe(await DigestAsync("app:v1"));
        (await CopyAsync(read, $"{Registry.Address}/back:v1")).ShouldExit(0).Text.ShouldBe($"{Registry.Address}/back:v1: digest: {_index}");
        // The other way round.
        foreach (var path in Directory.GetFileSystemEntries(Work)) if (File.Exists(path)) File.Delete(path); else Directory.Delete(path, recursive: true);
        await SkopeoAsync("copy", "--all", "--preserve-digests", Remote("app:v1"), written);
        (await CopyAsync(read, $"{Registry.Address}/from/skopeo:v1")).ShouldExit(0).Text.ShouldEndWith(_index);
        (await CopyAsync("--platform", "linux/amd64", read, $"oci:{Work}/one:v1")).ShouldExit(0).Text.ShouldBe($"oci:{Work}/one:v1: digest: {_image}");
        (await CopyAsync("--platform", "linux/s390x", read, $"oci:{Work}/none:v1")).ShouldExit(1).Error.ShouldContain("no image for linux/s390x");
        Directory.GetDirectories(Path.GetTempPath(), "load-*").ShouldBeEmpty();
    }

    [Theory]
    [InlineData("app:v1")]
    [InlineData("zipped:v1")]
    public async Task Archives_of_dockers_go_to_skopeo_and_come_from_skopeo_under_their_images_id(string name)
    {
        var config = await SkopeoAsync("inspect", "--config", "--raw", Remote(name));
        var file = Path.Combine(Work, "ours.tar");
        (await CopyAsync(Remote(name), $"docker-archive:{file}:made/here:v2")).ShouldExit(0).Text.ShouldStartWith($"docker-archive:{file}: digest: sha256:");
        (await SkopeoAsync("inspect", "--config", "--raw", $"docker-archive:{file}:made/here:v2")).ShouldBe(config);
        // skopeo holds each layer against the digest in the configuration.
        await SkopeoAsync("copy", $"docker-archive:{file}", $"dir:{Work}/read");
        (await CopyAsync(Remote(name), $"docker-archive:{file}:made/here:v2")).ShouldExit(1).Error.ShouldContain("is there already");
        await SkopeoAsync("copy", Remote(name), $"docker-archive:{Work}/theirs.tar:made/there:v3");
        (await CopyAsync($"docker-archive:{Work}/theirs.tar:made/there:v3", $"{Registry.Address}/from/archive:v3")).ShouldExit(0);
        (await SkopeoAsync("inspect", "--config", "--raw", Remote("from/archive:v3"))).ShouldBe(config);
        (await SkopeoAsync("inspect", "--format", "{{len .Layers}}", Remote("from/archive:v3"))).ShouldBe("2");
        await SkopeoAsync("copy", Remote("from/archive:v3"), $"dir:{Work}/again");
        (await CopyAsync($"docker-archive:{Work}/theirs.tar:made/there:v9", $"oci:{Work}/x")).ShouldExit(1).Error.ShouldContain("has no image made/there:v9");
        (await CopyAsync($"docker-archive:{Work}/theirs.tar", $"oci:{Work}/layout:x")).ShouldExit(0);
        (await SkopeoAsync("inspect", "--config", "--raw", $"oci:{Work}/layout:x")).ShouldBe(config);
    }

    [Fact]
    public async Task What_an_archive_is_named_after_is_no_path_and_what_is_damaged_leaves_nothing()
    {
        (await CopyAsync(Remote("app:amd64"), $"oci-archive:{Work}/good.tar:v1")).ShouldExit(0);
        await using (var hostile = File.Create(Path.Combine(Work, "hostile.tar")))
        await using (var tar = new TarWriter(hostile))
        {
            using var good = File.OpenRead(Path.Combine(Work, "good.tar"));
            using var reader = new TarReader(good);
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "../../escaped") { DataStream = new MemoryStream("x"u8.ToArray()) });
            tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "oci-layout") { LinkName = "/etc/passwd" });
            while (await reader.GetNextEntryAsync(copyData: true) is { } entry)
            {
                if (entry.Name == "oci-layout") continue;
                if (entry.Length > 40_000)
                {
                    var bytes = new byte[entry.Length];
                    await entry.DataStream!.ReadExactlyAsync(bytes);
                    bytes[^1] ^= 1;
                    entry.DataStream = new MemoryStream(bytes);
                }
                tar.WriteEntry(entry);
            }
        }
        (await CopyAsync($"oci-archive:{Work}/hostile.tar", $"docker-archive:{Work}/out.tar")).ShouldExit(1).Error.ShouldContain("other bytes came than the digest says");
        Directory.GetFiles(Work).Select(Path.GetFileName).ShouldBe(["good.tar", "hostile.tar"], ignoreOrder: true);
        File.Exists(Path.Combine(Work, "..", "escaped")).ShouldBeFalse();
        Directory.GetDirectories(Path.GetTempPath(), "wharf-copy-*").ShouldBeEmpty();
        foreach (var wrong in (string[])["dir:", "oci-archive:", "docker-archive::x"]) (await CopyAsync(Remote("app:v1"), wrong)).ShouldExit(1).Error.ShouldContain("expected ");
    }
}
