using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Cli;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Images;
using Xunit;

namespace Wharf.SystemTests.Artifacts;

/// <summary>OCI artifacts: <c>wharf artifact</c> in podman's words, exchanged with oras and skopeo.</summary>
public sealed class ArtifactTests(EngineFixture engine) : IAsyncLifetime
{
    private const string Manifest = "application/vnd.oci.image.manifest.v1+json";
    private readonly WharfCli _cli = new(engine);
    private LocalRegistry _registry = null!;

    public async ValueTask InitializeAsync() => _registry = await LocalRegistry.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await OutputAsync("artifact", "rm", "--all");
        _cli.Dispose();
        await _registry.DisposeAsync();
    }

    private async Task<string> OutputAsync(params string[] args) => (await _cli.RunAsync(args)).ShouldExit(0).Text;

    private async Task<string> ErrorAsync(params string[] args) => (await _cli.RunAsync(args)).ShouldExit(1).Error;

    private string Write(string name, byte[] content)
    {
        File.WriteAllBytes(_cli.PathOf(name), content);
        return _cli.PathOf(name);
    }

    private string Folder(string name) => Directory.CreateDirectory(_cli.PathOf(name)).FullName;

    private string BlobPath(string digest) => Path.Combine(engine.DataRoot, "content", "blobs", digest.Replace(':', '/'));

    private static string DigestOf(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    [Fact]
    public async Task Files_become_an_artifact_are_listed_extended_replaced_extracted_and_removed()
    {
        var (one, two) = (Write("one.txt", "one\n"u8.ToArray()), Write("two.bin", RandomNumberGenerator.GetBytes(300_000)));
        var digest = await OutputAsync("artifact", "add", "--type", "application/x.model", "--file-type", "text/plain", "--annotation", "by=test", "example.test/things/model:v1", one);
        var manifest = JsonNode.Parse(await OutputAsync("artifact", "inspect", "example.test/things/model:v1"))![0]!;
        manifest["Digest"]!.GetValue<string>().ShouldBe(digest);
        manifest["Manifest"]!["artifactType"]!.GetValue<string>().ShouldBe("application/x.model");
        manifest["Manifest"]!["config"]!["mediaType"]!.GetValue<string>().ShouldBe("application/vnd.oci.empty.v1+json");
        manifest["Manifest"]!["layers"]![0]!.ToJsonString().ShouldBe($$$"""{"mediaType":"text/plain","digest":"{{{DigestOf("one\n"u8.ToArray())}}}","size":4,"annotations":{"by":"test","org.opencontainers.image.title":"one.txt"}}""");
        // The same files under another name: the same digest, no time stands in it.
        (await OutputAsync("artifact", "add", "--type", "application/x.model", "--file-type", "text/plain", "--annotation", "by=test", "other", one)).ShouldBe(digest);
        (await ErrorAsync("artifact", "add", "other", two)).ShouldContain("other:latest: artifact already exists");
        (await ErrorAsync("artifact", "add", "--append", "other", one)).ShouldContain("one.txt: file already exists in artifact");
        var longer = await OutputAsync("artifact", "add", "--append", "other", two);
        longer.ShouldNotBe(digest);
        (await OutputAsync("artifact", "ls", "--no-trunc", "--format", "{{.Repository}} {{.Tag}} {{.Digest}} {{.Size}} {{.Type}}")).Split('\n').ShouldBe([$"other latest {longer} 300kB application/x.model", $"example.test/things/model v1 {digest} 4B application/x.model"], ignoreOrder: true);

        (await ErrorAsync("artifact", "extract", "other", _cli.PathOf("single"))).ShouldContain("other:latest has 2 files");
        await OutputAsync("artifact", "extract", "--title", "two.bin", "other", _cli.PathOf("single"));
        File.ReadAllBytes(_cli.PathOf("single")).ShouldBe(File.ReadAllBytes(two));
        var all = Folder("all");
        await OutputAsync("artifact", "extract", "other", all);
        Directory.GetFiles(all).Select(Path.GetFileName).Order().ShouldBe(["one.txt", "two.bin"]);
        File.ReadAllBytes(Path.Combine(all, "two.bin")).ShouldBe(File.ReadAllBytes(two));

        var replaced = await OutputAsync("artifact", "add", "--replace", "other", one);
        (await OutputAsync("artifact", "inspect", "-f", "{{.Digest}}", replaced[7..19])).ShouldBe(replaced);
        (await OutputAsync("artifact", "rm", "other")).ShouldBe(replaced);
        (await ErrorAsync("artifact", "rm", "other")).ShouldContain("No such artifact: other");
        (await OutputAsync("artifact", "rm", "--ignore", "other")).ShouldBe("");
        if (engine.IsWharf) File.Exists(BlobPath(DigestOf(File.ReadAllBytes(two)))).ShouldBeFalse("nothing needs the second file any more");
        (await OutputAsync("artifact", "inspect", "-f", "{{.Name}}", digest)).ShouldBe("example.test/things/model:v1");
    }

    [Fact]
    public async Task Collections_restarts_and_the_check_know_what_artifacts_need()
    {
        var content = RandomNumberGenerator.GetBytes(50_000);
        var digest = await OutputAsync("artifact", "add", "kept", Write("kept", content));
        // An image comes and goes, which collects what nothing needs.
        (await _cli.RunAsync(TestTrees.Small("collect", 1000), "import", "-", "artifact-gc:x")).ShouldExit(0);
        await OutputAsync("rmi", "artifact-gc:x");
        await OutputAsync("image", "prune", "-f");
        await engine.KillDaemonAsync();
        await engine.StartDaemonAsync();
        await OutputAsync("artifact", "extract", "kept", _cli.PathOf("again"));
        File.ReadAllBytes(_cli.PathOf("again")).ShouldBe(content);
        (await OutputAsync("system", "check")).ShouldNotContain("artifact");
        File.Delete(BlobPath(DigestOf(content)));
        (await _cli.RunAsync("system", "check")).Out.ShouldContain($"artifact kept:latest");
        (await _cli.RunAsync("system", "check")).Out.ShouldContain($"blob {DigestOf(content)} is missing");
        (await ErrorAsync("artifact", "extract", "kept", _cli.PathOf("lost"))).ShouldContain("is not in the store");
        File.Exists(_cli.PathOf("lost")).ShouldBeFalse();
        (await OutputAsync("artifact", "rm", "kept")).ShouldBe(digest);
    }

    [Fact]
    public async Task Oras_and_wharf_exchange_artifacts_with_the_same_digests()
    {
        var oras = Programs.Find("oras");
        var (small, large) = (Write("small.json", "{\"a\":1}"u8.ToArray()), Write("large.bin", RandomNumberGenerator.GetBytes(9 << 20)));
        var name = $"{_registry.Address}/things/fromwharf:v1";
        var digest = await OutputAsync("artifact", "add", "--type", "application/x.set", name, small, large);
        (await OutputAsync("artifact", "push", name)).ShouldContain($"v1: digest: {digest}");
        var pulled = Folder("pulled");
        (await CommandResult.RunAsync(oras, ["pull", "--plain-http", "-o", pulled, name])).ShouldExit(0).Out.ShouldContain(digest);
        foreach (var file in (string[])[small, large]) File.ReadAllBytes(Path.Combine(pulled, Path.GetFileName(file))).ShouldBe(File.ReadAllBytes(file));

        var theirs = $"{_registry.Address}/things/fromoras:v2";
        var pushed = await CommandResult.RunAsync("sh", ["-c", $"cd {_cli.Directory} && {oras} push --plain-http --artifact-type application/x.oras {theirs} small.json:application/json large.bin"]);
        var told = pushed.ShouldExit(0).Out.Split('\n').Single(line => line.StartsWith("Digest: ", StringComparison.Ordinal))["Digest: ".Length..];
        (await OutputAsync("artifact", "pull", theirs)).ShouldContain($"Digest: {told}");
        (await OutputAsync("artifact", "inspect", "-f", "{{.Digest}} {{.Manifest.artifactType}}", theirs)).ShouldBe($"{told} application/x.oras");
        var mine = Folder("mine");
        await OutputAsync("artifact", "extract", theirs, mine);
        foreach (var file in (string[])[small, large]) File.ReadAllBytes(Path.Combine(mine, Path.GetFileName(file))).ShouldBe(File.ReadAllBytes(file));
        // On to another place under the digest it came with, and a second pull has nothing to do.
        (await OutputAsync("artifact", "push", "-q", theirs, $"{_registry.Address}/else/where:v3")).ShouldBe("");
        (await CommandResult.RunAsync(oras, ["resolve", "--plain-http", $"{_registry.Address}/else/where:v3"])).ShouldExit(0).Text.ShouldBe(told);
        (await OutputAsync("artifact", "pull", theirs)).ShouldContain("Artifact is up to date");
    }

    [Fact]
    public async Task A_title_never_leads_out_of_the_directory_and_wrong_bytes_are_refused()
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://{_registry.Address}/v2/") };
        var writer = new RegistryWriter(http);
        async Task<string> Put(string tag, params string[] titles)
        {
            var layers = new JsonArray();
            foreach (var title in titles)
            {
                var blob = await writer.BlobAsync("bad", Encoding.UTF8.GetBytes("x" + title), "application/octet-stream");
                blob["annotations"] = new JsonObject { ["org.opencontainers.image.title"] = title };
                layers.Add((JsonNode)blob);
            }
            await writer.ManifestAsync("bad", tag, new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = Manifest, ["artifactType"] = "application/x.bad", ["config"] = await writer.BlobAsync("bad", "{}"u8.ToArray(), "application/vnd.oci.empty.v1+json"), ["layers"] = layers });
            var name = $"{_registry.Address}/bad:{tag}";
            await OutputAsync("artifact", "pull", "-q", name);
            return name;
        }
        var inside = Folder("inside");
        foreach (var title in (string[])["../escaped", "/escaped", "..", "a/b"])
        {
            (await ErrorAsync("artifact", "extract", await Put("t" + title.Length + (title[0] == '/' ? "s" : title[0] == 'a' ? "a" : ""), "fine", title), inside)).ShouldContain("is no name for a file");
            Directory.GetFileSystemEntries(inside).ShouldBeEmpty("all names are looked at before the first file is written");
        }
        (await ErrorAsync("artifact", "extract", await Put("twice", "same", "same"), inside)).ShouldContain("files of the same title");
        File.Exists(_cli.PathOf("escaped")).ShouldBeFalse();

        // A registry whose file changed since it was named.
        var named = await writer.BlobAsync("liar", "honest"u8.ToArray(), "application/octet-stream");
        await writer.ManifestAsync("liar", "v1", new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = Manifest, ["config"] = await writer.BlobAsync("liar", "{}"u8.ToArray(), "application/vnd.oci.empty.v1+json"), ["layers"] = new JsonArray(named.DeepClone()) });
        var hex = named["digest"]!.GetValue<string>()[7..];
        await File.WriteAllTextAsync(Path.Combine(_registry.Root, "data", "docker", "registry", "v2", "blobs", "sha256", hex[..2], hex, "data"), "forged");
        (await ErrorAsync("artifact", "pull", $"{_registry.Address}/liar:v1")).ShouldContain(named["digest"]!.GetValue<string>());
        (await OutputAsync("artifact", "ls", "--format", "{{.Repository}}")).ShouldNotContain("liar");
        if (engine.IsWharf) File.Exists(BlobPath(named["digest"]!.GetValue<string>())).ShouldBeFalse();
    }

    [Fact]
    public async Task An_image_taken_as_an_artifact_keeps_its_layers_when_the_image_goes()
    {
        (await _cli.RunAsync(TestTrees.Small("as artifact", 200_000), "import", "-", $"{_registry.Address}/both:v1")).ShouldExit(0);
        await OutputAsync("push", "-q", $"{_registry.Address}/both:v1");
        await OutputAsync("rmi", $"{_registry.Address}/both:v1");
        await OutputAsync("pull", "-q", $"{_registry.Address}/both:v1");
        await OutputAsync("artifact", "pull", "-q", $"{_registry.Address}/both:v1");
        await OutputAsync("rmi", $"{_registry.Address}/both:v1");
        var layer = JsonNode.Parse(await OutputAsync("artifact", "inspect", $"{_registry.Address}/both:v1"))![0]!["Manifest"]!["layers"]![0]!["digest"]!.GetValue<string>();
        await OutputAsync("artifact", "extract", $"{_registry.Address}/both:v1", _cli.PathOf("layer"));
        DigestOf(await File.ReadAllBytesAsync(_cli.PathOf("layer"))).ShouldBe(layer);
        (await ErrorAsync("artifact", "pull", $"{_registry.Address}/none:v1")).ShouldContain("not found");
        using var http = new HttpClient { BaseAddress = new Uri($"http://{_registry.Address}/v2/") };
        await new RegistryWriter(http).ManifestAsync("both", "index", new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.index.v1+json", ["manifests"] = new JsonArray() });
        (await ErrorAsync("artifact", "pull", $"{_registry.Address}/both:index")).ShouldContain("is an index of several manifests, not an artifact");
    }

    [Theory]
    [InlineData("/wharf/artifacts?name=UPPER", 400, "must be lowercase")]
    [InlineData("/wharf/artifacts?name=x&type=nothing", 400, "is no media type")]
    [InlineData("/wharf/artifacts?name=x&annotation=nothing", 400, "annotation must be key=value")]
    [InlineData("/wharf/artifacts?name=x&append=1", 404, "No such artifact: x:latest")]
    [InlineData("/wharf/artifacts?name=x&append=1&replace=1", 400, "exclude each other")]
    [InlineData("/wharf/artifacts?name=x", 400, "no file was given")]
    [InlineData("/wharf/artifacts/none/push", 404, "No such artifact: none")]
    public async Task Wrong_requests_are_told_so(string path, int status, string message)
    {
        using var api = new EngineApi(engine.SocketPath);
        var answer = await api.PostTarAsync(path, new byte[1024]);
        answer.Status.ShouldBe(status, answer.Text);
        answer.Message.ShouldNotBeNull().ShouldContain(message);
    }
}
