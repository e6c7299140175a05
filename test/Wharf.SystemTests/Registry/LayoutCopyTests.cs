using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Images;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary><c>wharf registry copy</c> between registries and directories in OCI's layout, and the same directories read by skopeo.</summary>
public sealed class LayoutCopyTests : CopyTests
{
    private string Layout => $"oci:{Work}/layout";

    private string Blob(string digest) => Path.Combine(Work, "layout", "blobs", digest.Replace(':', '/'));

    /// <summary>An index of two images under <c>app:v1</c>; gives its digest.</summary>
    private async Task<string> PutIndexAsync()
    {
        var entries = new JsonArray();
        foreach (var architecture in (string[])["amd64", "arm64"])
        {
            var entry = await Writer.ImageAsync("app", architecture, [TestTrees.Small(architecture, 50_000)]);
            entry["platform"] = new JsonObject { ["architecture"] = architecture, ["os"] = "linux" };
            entries.Add((JsonNode)entry);
        }
        return (await Writer.ManifestAsync("app", "v1", new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.index.v1+json", ["manifests"] = entries }))["digest"]!.GetValue<string>();
    }

    [Fact]
    public async Task An_index_goes_into_a_directory_and_back_with_all_that_it_names()
    {
        var digest = await PutIndexAsync();
        (await CopyAsync($"docker://{Registry.Address}/app:v1", $"{Layout}:kept")).ShouldExit(0).Text.ShouldBe($"{Layout}:kept: digest: {digest}");
        var blobs = Directory.GetFiles(Path.Combine(Work, "layout", "blobs", "sha256"));
        blobs.Length.ShouldBe(7, "an index, and two images with a configuration and a layer each");
        // skopeo reads it whole, and gives the same digest.
        (await CommandResult.RunAsync("skopeo", ["copy", "--all", "--preserve-digests", "--dest-tls-verify=false", $"{Layout}:kept", $"docker://{Registry.Address}/skopeo:v1"])).ShouldExit(0);
        (await CommandResult.RunAsync("skopeo", ["inspect", "--raw", "--tls-verify=false", $"docker://{Registry.Address}/skopeo:v1"])).ShouldExit(0).Out.ShouldContain("arm64");
        (await CopyAsync($"{Layout}:kept", $"{Registry.Address}/back:v2")).ShouldExit(0).Text.ShouldBe($"{Registry.Address}/back:v2: digest: {digest}");
        // Another tag of the same, and one moved: what is there is not written again.
        var layers = blobs.Where(path => new FileInfo(path).Length > 40_000).ToDictionary(path => path, File.GetLastWriteTimeUtc);
        (await CopyAsync($"{Registry.Address}/app:arm64", $"{Layout}:kept")).ShouldExit(0);
        (await CopyAsync($"{Registry.Address}/app:amd64", Layout)).ShouldExit(0).Text.ShouldStartWith($"{Layout}:amd64: digest: ");
        var index = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Work, "layout", "index.json")))!["manifests"]!.AsArray();
        index.Select(entry => entry!["annotations"]!["org.opencontainers.image.ref.name"]!.GetValue<string>()).ShouldBe(["kept", "amd64"]);
        Directory.GetFiles(Path.Combine(Work, "layout", "blobs", "sha256")).ShouldBe(blobs, ignoreOrder: true);
        layers.Count.ShouldBe(2);
        foreach (var (path, time) in layers) File.GetLastWriteTimeUtc(path).ShouldBe(time);
    }

    [Fact]
    public async Task What_skopeo_laid_out_is_pushed_and_copied_on_to_another_directory()
    {
        await PutIndexAsync();
        (await CommandResult.RunAsync("skopeo", ["copy", "--src-tls-verify=false", $"docker://{Registry.Address}/app:amd64", $"{Layout}:theirs"])).ShouldExit(0);
        var told = (await CopyAsync($"{Layout}:theirs", $"{Registry.Address}/from/skopeo:v1")).ShouldExit(0).Text.Split("digest: ")[1];
        (await CommandResult.RunAsync("skopeo", ["inspect", "--format", "{{.Digest}}", "--tls-verify=false", $"docker://{Registry.Address}/from/skopeo:v1"])).ShouldExit(0).Text.ShouldBe(told);
        (await CopyAsync(Layout, $"oci:{Work}/other:x")).ShouldExit(0).Text.ShouldBe($"oci:{Work}/other:x: digest: {told}");
        (await CommandResult.RunAsync("skopeo", ["inspect", "--format", "{{.Digest}}", $"oci:{Work}/other:x"])).ShouldExit(0).Text.ShouldBe(told);
    }

    [Fact]
    public async Task Damaged_and_missing_content_is_refused_and_leaves_no_half_file()
    {
        await PutIndexAsync();
        (await CopyAsync($"{Registry.Address}/app:amd64", $"{Layout}:v1")).ShouldExit(0);
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(Blob(JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Work, "layout", "index.json")))!["manifests"]![0]!["digest"]!.GetValue<string>())))!;
        var layer = manifest["layers"]![0]!["digest"]!.GetValue<string>();
        var bytes = await File.ReadAllBytesAsync(Blob(layer));
        bytes[100] ^= 1;
        await File.WriteAllBytesAsync(Blob(layer), bytes);
        (await CopyAsync($"{Layout}:v1", $"oci:{Work}/other:x")).ShouldExit(1).Error.ShouldContain($"blob {layer}: other bytes came than the digest says");
        Directory.GetFiles(Path.Combine(Work, "other"), "*.tmp", SearchOption.AllDirectories).ShouldBeEmpty();
        File.Exists(Path.Combine(Work, "other", "index.json")).ShouldBeFalse();
        (await CopyAsync($"{Layout}:v1", $"{Registry.Address}/damaged:v1")).ShouldExit(1);
        File.Delete(Blob(layer));
        (await CopyAsync($"{Layout}:v1", $"oci:{Work}/other:x")).ShouldExit(1).Error.ShouldContain($"has no {layer}");
        (await CopyAsync($"{Layout}:none", $"oci:{Work}/other:x")).ShouldExit(1).Error.ShouldContain("names nothing \"none\"");
        (await CopyAsync("oci:", $"oci:{Work}/other:x")).ShouldExit(1).Error.ShouldContain("expected oci:DIRECTORY[:TAG]");
    }

    [Fact]
    public async Task A_copy_survives_cuts_of_what_it_reads_and_of_what_it_sends()
    {
        var digest = (await Writer.ImageAsync("big", "v1", [TestTrees.Small("big", 3 << 20)]))["digest"]!.GetValue<string>();
        using var proxy = new CuttingProxy(Registry.Port) { MostBytes = 900_000 };
        (await CopyAsync($"{proxy.Address}/big:v1", $"{Layout}:cut")).ShouldExit(0).Text.ShouldBe($"{Layout}:cut: digest: {digest}");
        proxy.Cuts.ShouldBeGreaterThan(2);
        proxy.Bytes().Again.ShouldBe(0);
        // From a directory, and from a registry that cuts as well: the blob is opened anew for each attempt.
        foreach (var (source, name) in new[] { ($"{Layout}:cut", "file"), ($"{proxy.Address}/big:v1", "registry") })
        {
            using var target = new CuttingProxy(Registry.Port) { MostBytes = 900_000, UploadsToCut = 3 };
            (await CopyAsync(source, $"{target.Address}/from/{name}:v1")).ShouldExit(0).Text.ShouldEndWith(digest);
            target.UploadsCut.ShouldBe(3);
            (await CommandResult.RunAsync("skopeo", ["inspect", "--format", "{{.Digest}}", "--tls-verify=false", $"docker://{Registry.Address}/from/{name}:v1"])).ShouldExit(0).Text.ShouldBe(digest);
        }
    }
}
