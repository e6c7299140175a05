using System.Diagnostics;
using System.Formats.Tar;
using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>A pulled layer is kept unpacked, with a recipe for the bytes it came in: it goes out elsewhere under the digest it came with.</summary>
public sealed partial class RecipeTests : IAsyncDisposable
{
    private readonly string _work = Directory.CreateTempSubdirectory("wharf-recipe-").FullName;

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_work, recursive: true);
        return ValueTask.CompletedTask;
    }

    private static byte[] Tree(string name)
    {
        var text = new StringBuilder();
        for (int i = 0; i < 60_000; i++) text.Append(i * 7919L % 100_003).Append(i % 9 == 0 ? '\n' : ' ');
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            tar.WriteEntry(TestTrees.File("name", Encoding.UTF8.GetBytes(name)));
            tar.WriteEntry(TestTrees.File("text", Encoding.ASCII.GetBytes(text.ToString())));
        }
        return stream.ToArray();
    }

    /// <summary>Puts an image of one layer, compressed by another program, into a registry; gives the manifest's digest.</summary>
    private async Task<(string Manifest, string Layer)> PutAsync(LocalRegistry registry, string name, string compress, byte[]? tree = null)
    {
        var (manifest, layers) = await PutLayersAsync(registry, name, compress, tree ?? Tree(name));
        return (manifest, layers[0]);
    }

    private async Task<(string Manifest, IReadOnlyList<string> Layers)> PutLayersAsync(LocalRegistry registry, string name, string compress, params IEnumerable<byte[]> trees)
    {
        var tar = Path.Combine(_work, "layer.tar");
        using var http = new HttpClient { BaseAddress = new Uri($"http://{registry.Address}/v2/") };
        var writer = new RegistryWriter(http);
        var (layers, diffIds) = (new JsonArray(), new JsonArray());
        foreach (var plain in trees)
        {
            await File.WriteAllBytesAsync(tar, plain);
            (await CommandResult.RunAsync("sh", ["-c", $"{compress} < '{tar}' > '{tar}.z'"])).ShouldExit(0);
            layers.Add((JsonNode)await writer.BlobAsync(name, await File.ReadAllBytesAsync(tar + ".z"), compress.Contains("zstd", StringComparison.Ordinal) ? "application/vnd.oci.image.layer.v1.tar+zstd" : "application/vnd.oci.image.layer.v1.tar+gzip"));
            diffIds.Add((JsonNode)HostileServer.DigestOf(plain)!);
        }
        string[] digests = [.. layers.Select(static layer => layer!["digest"]!.GetValue<string>())];
        var config = new JsonObject
        {
            ["architecture"] = "amd64", ["os"] = "linux", ["config"] = new JsonObject(),
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = diffIds },
        };
        var manifest = await writer.ManifestAsync(name, "v1", new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.manifest.v1+json", ["layers"] = layers,
            ["config"] = await writer.BlobAsync(name, Encoding.UTF8.GetBytes(config.ToJsonString()), "application/vnd.oci.image.config.v1+json"),
        });
        return (manifest["digest"]!.GetValue<string>(), digests);
    }

    private static async Task PullAsync(EngineApi api, string name)
    {
        var pulled = await api.PostAsync($"/images/create?fromImage={name}&tag=v1");
        pulled.StreamError.ShouldBeNull(pulled.Text);
    }

    private static async Task<string> PushAsync(EngineApi api, string from, string to)
    {
        (await api.PostAsync($"/images/{from}:v1/tag?repo={to}&tag=v1")).Status.ShouldBe(201);
        var pushed = await api.PostAsync($"/images/{to}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        return pushed.Lines[^1]["aux"]!["Digest"]!.GetValue<string>();
    }

    private static string Blob(EngineFixture engine, string digest) => Path.Combine(engine.DataRoot, "content", "blobs", "sha256", digest[7..]);
    private static string Recipe(EngineFixture engine, string digest) => Path.Combine(engine.DataRoot, "content", "recipes", "sha256-" + digest[7..]);

    private static async Task UntilAsync(Func<bool> condition, EngineFixture engine, int seconds = 120)
    {
        for (var watch = Stopwatch.StartNew(); !condition(); await Task.Delay(50))
            if (watch.Elapsed > TimeSpan.FromSeconds(seconds)) throw new TimeoutException(engine.Log);
    }

    [Theory]
    [InlineData("gzip -6")]
    [InlineData("gzip -1")]
    [InlineData("zstd -q -c")]
    [InlineData("zstd -q -1 -c")]
    [InlineData("zstd -q -19 --no-check -c")]
    [InlineData("pzstd -q -c")]
    public async Task A_layer_whose_blob_gave_way_to_a_recipe_goes_out_under_its_digest(string compress)
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync("--layer-recipe-delay", "0");
        await using var registry = await LocalRegistry.StartAsync();
        await using var other = await LocalRegistry.StartAsync();
        var (manifest, layer) = await PutAsync(registry, "made", compress);
        var name = $"{registry.Address}/made";
        using (var api = new EngineApi(engine.SocketPath))
        {
            await PullAsync(api, name);
            await UntilAsync(() => File.Exists(Recipe(engine, layer)) && !File.Exists(Blob(engine, layer)), engine);
            new FileInfo(Recipe(engine, layer)).Length.ShouldBeLessThan(new FileInfo(Path.Combine(_work, "layer.tar.z")).Length / (compress.StartsWith("gzip", StringComparison.Ordinal) ? 30 : 4));
            await ShouldBeWhatDuTellsAsync(engine, api);
            (await PushAsync(api, name, $"{other.Address}/again")).ShouldBe(manifest);
            (await engine.WharfAsync("system", "check")).ShouldExit(0);
            // Damage is found; the layer is compressed anew then, and its manifest is another one.
            await File.AppendAllTextAsync(Recipe(engine, layer), "x");
            var third = await engine.WharfAsync("system", "check", "--repair");
            third.ShouldExit(0).Out.ShouldContain("recipe " + layer);
        }
        await using var last = await LocalRegistry.StartAsync();
        using (var api = new EngineApi(engine.SocketPath))
        {
            (await PushAsync(api, name, $"{last.Address}/anew")).ShouldNotBe(manifest);
            foreach (var one in new[] { name, $"{other.Address}/again", $"{last.Address}/anew" }) (await api.DeleteAsync($"/images/{one}:v1")).Status.ShouldBe(200);
            await UntilAsync(() => !File.Exists(Recipe(engine, layer)), engine);
        }
    }

    private static async Task ShouldBeWhatDuTellsAsync(EngineFixture engine, EngineApi api)
    {
        long ledger = JsonNode.Parse((await api.GetAsync("/wharf/disk")).Body)!.AsArray().Sum(entry => entry!["Bytes"]!.GetValue<long>());
        long du = long.Parse((await CommandResult.RunAsync("du", ["-s", "-B1", engine.DataRoot])).ShouldExit(0).Text.Split('\t')[0]);
        Math.Abs(ledger - du).ShouldBeLessThan(du / 100 + 65536);
    }

    [Fact]
    public async Task What_Wharf_compressed_itself_in_pieces_has_a_recipe_too()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync("--layer-recipe-delay", "0");
        await using var registry = await LocalRegistry.StartAsync();
        await using var other = await LocalRegistry.StartAsync();
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/own";
        var text = new StringBuilder();
        for (int i = 0; i < 600_000; i++) text.Append(i * 7919L % 100_003).Append(i % 9 == 0 ? '\n' : ' ');
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true)) tar.WriteEntry(TestTrees.File("text", Encoding.ASCII.GetBytes(text.ToString())));
        (await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1", stream.ToArray())).Status.ShouldBe(200);
        var pushed = await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        await PullAsync(api, name);
        using var http = new HttpClient();
        http.DefaultRequestHeaders.TryAddWithoutValidation("Accept", "application/vnd.docker.distribution.manifest.v2+json");
        var layer = JsonNode.Parse(await http.GetStringAsync($"http://{registry.Address}/v2/own/manifests/v1"))!["layers"]![0]!;
        var digest = layer["digest"]!.GetValue<string>();
        await UntilAsync(() => !File.Exists(Blob(engine, digest)), engine);
        new FileInfo(Recipe(engine, digest)).Length.ShouldBeLessThan(layer["size"]!.GetValue<long>() / 10);
        (await PushAsync(api, name, $"{other.Address}/again")).ShouldBe(pushed.Lines[^1]["aux"]!["Digest"]!.GetValue<string>());
    }

    /// <summary>Their compressors are klauspost/compress' and that of ZstdSharp.</summary>
    [Theory]
    [InlineData("skopeo")]
    [InlineData("wharf build")]
    public async Task A_zstd_layer_of_another_tool_has_a_recipe_too(string tool)
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync("--layer-recipe-delay", "0");
        await using var registry = await LocalRegistry.StartAsync();
        await using var other = await LocalRegistry.StartAsync();
        var name = $"{registry.Address}/zstd";
        if (tool == "skopeo")
        {
            await PutAsync(registry, "plain", "cat");
            (await CommandResult.RunAsync("skopeo", ["copy", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false", "--dest-compress-format", "zstd", $"docker://{registry.Address}/plain:v1", $"docker://{name}:v1"])).ShouldExit(0);
        }
        else
        {
            await File.WriteAllBytesAsync(Path.Combine(_work, "tree.tar"), Tree("built"));
            await File.WriteAllTextAsync(Path.Combine(_work, "Dockerfile"), "FROM scratch\nADD tree.tar /\n");
            (await engine.WharfAsync("build", "--output", $"type=image,name={name}:v1,push=true,compression=zstd,oci-mediatypes=true", "--provenance=false", _work)).ShouldExit(0);
            await engine.WharfAsync("rmi", "-f", $"{name}:v1");
            (await engine.WharfAsync("builder", "prune", "-a", "-f")).ShouldExit(0);
        }
        using var http = new HttpClient();
        http.DefaultRequestHeaders.TryAddWithoutValidation("Accept", "application/vnd.oci.image.manifest.v1+json");
        var found = await http.GetAsync($"http://{registry.Address}/v2/zstd/manifests/v1");
        var layer = JsonNode.Parse(await found.Content.ReadAsStringAsync())!["layers"]![0]!;
        layer["mediaType"]!.GetValue<string>().ShouldEndWith("zstd");
        var digest = layer["digest"]!.GetValue<string>();
        using var api = new EngineApi(engine.SocketPath);
        await PullAsync(api, name);
        await UntilAsync(() => File.Exists(Recipe(engine, digest)) && !File.Exists(Blob(engine, digest)), engine);
        (await PushAsync(api, name, $"{other.Address}/again")).ShouldBe(found.Headers.GetValues("Docker-Content-Digest").Single());
    }

    [Fact]
    public async Task A_recipe_that_a_killed_daemon_did_not_make_is_made_after_the_next_start()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync("--layer-recipe-delay", "3600");
        await using var registry = await LocalRegistry.StartAsync();
        var (manifest, layer) = await PutAsync(registry, "killed", "gzip -9");
        var name = $"{registry.Address}/killed";
        using (var api = new EngineApi(engine.SocketPath)) await PullAsync(api, name);
        File.Exists(Blob(engine, layer)).ShouldBeTrue();
        await engine.KillDaemonAsync();
        await engine.StartDaemonAsync("--layer-recipe-delay", "0");
        await UntilAsync(() => !File.Exists(Blob(engine, layer)), engine);
        File.Exists(Recipe(engine, layer)).ShouldBeTrue();
        await engine.KillDaemonAsync();
        await engine.StartDaemonAsync("--layer-recipe-delay", "0");
        await using var other = await LocalRegistry.StartAsync();
        using var after = new EngineApi(engine.SocketPath);
        (await PushAsync(after, name, $"{other.Address}/again")).ShouldBe(manifest);
    }

    [Fact]
    public async Task A_layer_of_which_no_recipe_can_be_made_is_kept_as_it_came()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync("--layer-recipe-delay", "0");
        await using var registry = await LocalRegistry.StartAsync();
        await using var other = await LocalRegistry.StartAsync();
        // What repeats lies further back than what a recipe's maker remembers.
        var noise = new byte[9 << 20];
        new Random(1).NextBytes(noise);
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true)) foreach (var file in (string[])["one", "two"]) tar.WriteEntry(TestTrees.File(file, noise));
        var (manifest, layer) = await PutAsync(registry, "far", "zstd -q --long=27 -c", stream.ToArray());
        var name = $"{registry.Address}/far";
        using var api = new EngineApi(engine.SocketPath);
        await PullAsync(api, name);
        await UntilAsync(() => engine.Log.Contains($"compressed layer {layer} is kept: a copy from too far back", StringComparison.Ordinal), engine);
        File.Exists(Blob(engine, layer)).ShouldBeTrue();
        File.Exists(Recipe(engine, layer)).ShouldBeFalse();
        // Both forms are on the disk, and both are told.
        await ShouldBeWhatDuTellsAsync(engine, api);
        (await PushAsync(api, name, $"{other.Address}/again")).ShouldBe(manifest);
    }

    [Theory]
    [InlineData("zstd -q -c")]
    [InlineData("gzip -6")]
    public async Task A_dropped_blob_is_gone_with_the_pull_and_a_push_makes_other_bytes_of_the_same_layer(string compress)
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync("--layer-blobs", "drop");
        await using var registry = await LocalRegistry.StartAsync();
        await using var other = await LocalRegistry.StartAsync();
        var (manifest, layer) = await PutAsync(registry, "dropped", compress);
        string name = $"{registry.Address}/dropped", copy = $"{other.Address}/again";
        using var api = new EngineApi(engine.SocketPath);
        await PullAsync(api, name);
        File.Exists(Blob(engine, layer)).ShouldBeFalse();
        File.Exists(Recipe(engine, layer)).ShouldBeFalse();
        var id = (await api.GetAsync($"/images/{name}:v1/json")).Json["Id"]!.GetValue<string>();
        (await PushAsync(api, name, copy)).ShouldNotBe(manifest);
        // Its name says which tar it is, whatever the compression: the image that comes back is the same one.
        foreach (var one in new[] { name, copy }) (await api.DeleteAsync($"/images/{one}:v1")).Status.ShouldBe(200);
        await PullAsync(api, copy);
        (await api.GetAsync($"/images/{copy}:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
    }
}
