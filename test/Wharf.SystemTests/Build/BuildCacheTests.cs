using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>The cache on its way out and in by docker's own buildx: a registry, a directory, and cache mounts by our CLI.</summary>
public sealed class BuildCacheTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-cache-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_context, name), text);

    private Task<CommandResult> BuildAsync(params string[] args) => Buildx.RunAsync(engine, ["build", .. args, _context]);

    private async Task<string> ReadAsync(string image, string path) => (await engine.DockerAsync("run", "--rm", image, "cat", path)).ShouldExit(0).Text;

    /// <summary>Two stages with a result that no second run gives again. The last stage's layers do not hold the first stage's.</summary>
    private void WriteStages()
    {
        Write("Dockerfile", "FROM busybox AS make\nCOPY f /f\nRUN head -c 16 /dev/urandom | od -An -tx1 > /made\nFROM busybox\nCOPY --from=make /made /made\nRUN head -c 16 /dev/urandom | od -An -tx1 > /own\n");
        Write("f", Guid.NewGuid().ToString());
        Write(".dockerignore", ".*\n");
    }

    private async Task ForgetAsync(string image)
    {
        (await engine.DockerAsync("rmi", "-f", image)).ShouldExit(0);
        (await engine.DockerAsync("builder", "prune", "-af")).ShouldExit(0);
    }

    [Fact]
    public async Task All_steps_of_all_stages_travel_through_a_registry()
    {
        if (!engine.IsWharf) Assert.Skip("docker without containerd's image store exports no cache");
        Buildx.Require("docker-buildx");
        await using var registry = await MainJob.LocalRegistry.StartAsync(Path.Combine(_context, ".registry"));
        WriteStages();
        var reference = $"127.0.0.1:{registry.Port}/bc/cache:all";
        (await BuildAsync("-t", "bc-max", "--cache-to", $"type=registry,ref={reference},mode=max")).ShouldExit(0).Error.ShouldContain("exporting cache to registry");
        var (made, own) = (await ReadAsync("bc-max", "/made"), await ReadAsync("bc-max", "/own"));
        await ForgetAsync("bc-max");
        var again = (await BuildAsync("-t", "bc-max", "--cache-from", $"type=registry,ref={reference}")).ShouldExit(0);
        again.Error.ShouldContain("CACHED");
        (await ReadAsync("bc-max", "/made")).ShouldBe(made);
        (await ReadAsync("bc-max", "/own")).ShouldBe(own);
        // What is no cache, or is not there, is told of and changes nothing.
        (await BuildAsync("-t", "bc-max", "--cache-from", $"type=registry,ref={reference}-none")).ShouldExit(0).Error.ShouldContain("not found");
        (await BuildAsync("--cache-to", "type=nonsense,ref=x")).ShouldExit(1).Error.ShouldContain("cache exporter nonsense is not supported");
    }

    [Fact]
    public async Task The_least_cache_holds_what_the_image_has_and_no_more()
    {
        if (!engine.IsWharf) Assert.Skip("docker without containerd's image store exports no cache");
        Buildx.Require("docker-buildx");
        await using var registry = await MainJob.LocalRegistry.StartAsync(Path.Combine(_context, ".registry"));
        WriteStages();
        var reference = $"127.0.0.1:{registry.Port}/bc/cache:least";
        (await BuildAsync("-t", "bc-min", "--cache-to", $"type=registry,ref={reference},image-manifest=false")).ShouldExit(0);
        var made = await ReadAsync("bc-min", "/made");
        await ForgetAsync("bc-min");
        (await BuildAsync("-t", "bc-min", "--cache-from", reference)).ShouldExit(0);
        (await ReadAsync("bc-min", "/made")).ShouldNotBe(made);
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Accept.ParseAdd("application/vnd.oci.image.index.v1+json");
        (await http.GetStringAsync($"http://127.0.0.1:{registry.Port}/v2/bc/cache/manifests/least", TestContext.Current.CancellationToken)).ShouldContain("application/vnd.buildkit.cacheconfig.v0");
    }

    [Fact]
    public async Task All_steps_travel_through_a_directory_of_the_client()
    {
        if (!engine.IsWharf) Assert.Skip("docker without containerd's image store exports no cache");
        WriteStages();
        var directory = Path.Combine(_context, ".cache");
        (await BuildAsync("-t", "bc-local", "--cache-to", $"type=local,dest={directory},mode=max")).ShouldExit(0);
        File.Exists(Path.Combine(directory, "index.json")).ShouldBeTrue();
        var (made, own) = (await ReadAsync("bc-local", "/made"), await ReadAsync("bc-local", "/own"));
        await ForgetAsync("bc-local");
        (await BuildAsync("-t", "bc-local", "--cache-from", $"type=local,src={directory}")).ShouldExit(0).Error.ShouldContain("CACHED");
        (await ReadAsync("bc-local", "/made")).ShouldBe(made);
        // The same directory by our own client.
        await ForgetAsync("bc-local");
        (await engine.WharfAsync("build", "-t", "bc-local", "--cache-from", $"type=local,src={directory}", "--cache-to", $"type=local,dest={directory}2", "--progress=plain", _context)).ShouldExit(0).Error.ShouldContain("CACHED");
        (await ReadAsync("bc-local", "/own")).ShouldBe(own);
        File.Exists(Path.Combine(directory + "2", "index.json")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_spoiled_layer_of_a_cache_is_refused_and_its_step_is_run()
    {
        if (!engine.IsWharf) Assert.Skip("docker without containerd's image store exports no cache");
        WriteStages();
        var directory = Path.Combine(_context, ".cache");
        (await BuildAsync("-t", "bc-spoiled", "--cache-to", $"type=local,dest={directory},mode=max")).ShouldExit(0);
        var own = await ReadAsync("bc-spoiled", "/own");
        await ForgetAsync("bc-spoiled");
        foreach (var blob in Directory.EnumerateFiles(Path.Combine(directory, "blobs/sha256")))
        {
            var bytes = await File.ReadAllBytesAsync(blob, TestContext.Current.CancellationToken);
            if (bytes is not [0x1f, 0x8b, ..]) continue;
            File.SetUnixFileMode(blob, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            bytes[^10] ^= 1;
            await File.WriteAllBytesAsync(blob, bytes, TestContext.Current.CancellationToken);
        }
        (await BuildAsync("-t", "bc-spoiled", "--cache-from", $"type=local,src={directory}")).ShouldExit(0).Error.ShouldContain("running the step");
        (await ReadAsync("bc-spoiled", "/own")).ShouldNotBe(own);
    }

    [Fact]
    public async Task A_cache_mount_is_listed_exported_and_imported()
    {
        if (!engine.IsWharf) Assert.Skip("an ability of Wharf's own");
        var id = "cm-" + Guid.NewGuid().ToString("n");
        Write("Dockerfile", $"FROM busybox\nRUN --mount=type=cache,id={id},target=/c echo kept > /c/file\n");
        (await BuildAsync()).ShouldExit(0);
        (await engine.WharfAsync("builder", "mount", "ls")).ShouldExit(0).Out.ShouldContain(id);
        var tar = Path.Combine(_context, ".mount.tar");
        (await engine.WharfAsync("builder", "mount", "export", "-o", tar, id)).ShouldExit(0);
        (await engine.DockerAsync("builder", "prune", "-af")).ShouldExit(0);
        (await engine.WharfAsync("builder", "mount", "export", "-o", tar + "2", id)).ShouldExit(1).Error.ShouldContain("no cache mount");
        (await engine.WharfAsync("builder", "mount", "import", id, tar)).ShouldExit(0);
        Write("Dockerfile", $"FROM busybox\nRUN --mount=type=cache,id={id},target=/c cat /c/file > /out\n");
        (await BuildAsync("-t", "bc-mount")).ShouldExit(0);
        (await ReadAsync("bc-mount", "/out")).ShouldBe("kept");
    }
}
