using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>What a prune of the build cache takes: by kind, by size, by what images use; and the daemon's own rules.</summary>
public sealed class CachePruneTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-prune-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    /// <summary>Four results of 2 MB and four cache mounts of 3 MB, and 1 MB that an image uses.</summary>
    private async Task FillAsync(EngineFixture own)
    {
        for (int number = 0; number < 4; number++)
        {
            await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), $"FROM busybox\nRUN --mount=type=cache,id=prune-{number},target=/m head -c 2000000 /dev/urandom > /result && head -c 3000000 /dev/urandom > /m/{number}\n", TestContext.Current.CancellationToken);
            (await Buildx.RunAsync(own, ["buildx", "build", "-q", "-o", "type=cacheonly", _context])).ShouldExit(0);
        }
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), "FROM busybox\nRUN head -c 1000000 /dev/urandom > /tagged\n", TestContext.Current.CancellationToken);
        (await Buildx.RunAsync(own, ["buildx", "build", "-q", "-t", "prune-tagged", _context])).ShouldExit(0);
    }

    /// <summary>A prune as each client does it, of a cache that nobody else uses. dockerd's own is pruned with all its contents: run it on one of your own.</summary>
    [Fact]
    public async Task A_prune_takes_what_its_filters_and_sizes_say()
    {
        Buildx.Require("docker-buildx");
        await using var fixture = new EngineFixture();
        if (engine.IsWharf)
        {
            await fixture.StartOwnAsync();
            (await fixture.DockerAsync(BusyboxImage.Tar(), "import", "-", "busybox:latest")).ShouldExit(0);
        }
        var own = engine.IsWharf ? fixture : engine;
        (await Buildx.RunAsync(own, ["buildx", "prune", "-af"])).ShouldExit(0);
        await FillAsync(own);
        async Task PruneAsync(params string[] options) => (await Buildx.RunAsync(own, ["buildx", "prune", "-f", .. options])).ShouldExit(0);

        await PruneAsync("--min-free-space", "100TB", "--reserved-space", "90MB");
        await PruneAsync("--filter", "nonsense=1");
        await PruneAsync("--filter", "until=1h");
        (await CountAsync(own)).ShouldBe((4, 4, true));
        await PruneAsync("--max-used-space", "18MB", "--filter", "type=exec.cachemount");
        var (_, mounts, _) = await CountAsync(own);
        mounts.ShouldBeInRange(2, 3);
        await PruneAsync("--filter", "type=exec.cachemount");
        (await CountAsync(own)).ShouldBe((4, 0, true));
        await PruneAsync("--max-used-space", "7MB");
        (await CountAsync(own)).ShouldBe((3, 0, true));
        await PruneAsync("--reserved-space", "1MB");
        (await CountAsync(own)).Results.ShouldBeLessThan(2);
        using (var api = new EngineApi(own.SocketPath))
        {
            (await api.PostAsync("/build/prune?filters=%7B%22type%22%3A%5B%22a%22%2C%22b%22%5D%7D")).Json["message"]!.GetValue<string>().ShouldBe("failed to prune build cache: filters expect only one value");
            (await api.PostAsync("/build/prune?filters=%7B%22mutable%22%3A%5B%22true%22%5D%7D")).Json["message"]!.GetValue<string>().ShouldBe("failed to prune build cache: invalid filter 'mutable'");
            (await api.PostAsync("/build/prune?reserved-space=1&max-used-space=90000000")).Status.ShouldBe(200);
            (await CountAsync(own)).Image.ShouldBeTrue();
        }
        await PruneAsync("-a");
        (await CacheAsync(own)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Wharfs_own_prune_knows_the_sizes_too()
    {
        if (!engine.IsWharf) Assert.Skip("the client is wharf's");
        await using var own = new EngineFixture();
        await own.StartOwnAsync();
        (await own.DockerAsync(BusyboxImage.Tar(), "import", "-", "busybox:latest")).ShouldExit(0);
        await FillAsync(own);
        (await own.WharfAsync("builder", "prune", "-f", "--max-used-space", "18mb", "--reserved-space", "1mb", "--filter", "type=exec.cachemount")).ShouldExit(0).Out.ShouldContain("Deleted build cache objects");
        (await CountAsync(own)).CacheMounts.ShouldBeInRange(2, 3);
        (await own.WharfAsync("builder", "prune", "-f", "--min-free-space", "1kb")).ShouldExit(0).Out.ShouldNotContain("Deleted");
        (await own.WharfAsync("builder", "prune", "-f")).ShouldExit(0);
        (await CountAsync(own)).ShouldBe((0, 0, true));
    }

    [Fact]
    public async Task The_rules_of_the_configuration_are_shown_and_kept()
    {
        if (!engine.IsWharf) Assert.Skip("needs an engine of its own");
        Buildx.Require("docker-buildx");
        await using var own = new EngineFixture();
        var config = Path.Combine(own.Root, "daemon.json");
        await File.WriteAllTextAsync(config, """{"builder": {"gc": {"policy": [{"filter": ["type=exec.cachemount"], "keepDuration": "1ms"}, {"maxUsedSpace": "5MB", "filter": ["description=never"], "all": true}]}}}""", TestContext.Current.CancellationToken);
        await own.StartOwnAsync("--config-file", config);
        (await own.DockerAsync(BusyboxImage.Tar(), "import", "-", "busybox:latest")).ShouldExit(0);
        var shown = (await Buildx.RunAsync(own, ["buildx", "inspect"])).ShouldExit(0).Out;
        shown[shown.IndexOf("GC Policy", StringComparison.Ordinal)..].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            .ShouldBe(["GC Policy rule#0:", "All: false", "Filters: type==exec.cachemount", "Keep Duration: 1ms", "GC Policy rule#1:", "All: true", "Filters: description==never", "Max Used Space: 5MiB"]);
        await FillAsync(own);
        // A collection comes with the first build of a daemon, and not again for a minute.
        (await own.StopDaemonAsync()).ShouldBe(0);
        await own.StartDaemonAsync("--config-file", config);
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), "FROM busybox\nRUN echo new > /step\n", TestContext.Current.CancellationToken);
        (await own.WharfAsync("build", "-q", "-o", "type=cacheonly", _context)).ShouldExit(0);
        using var patience = new CancellationTokenSource(CommandResult.Patience(60));
        while ((await CountAsync(own)).CacheMounts > 0) await Task.Delay(100, patience.Token);
        (await CountAsync(own)).ShouldBe((4, 0, true));
    }

    private static async Task<(int Results, int CacheMounts, bool Image)> CountAsync(EngineFixture own)
    {
        var cache = await CacheAsync(own);
        return (cache.Count(entry => entry.Kind == "regular" && entry.Description.Contains("2000000", StringComparison.Ordinal)), cache.Count(entry => entry.Kind == "exec.cachemount"), cache.Exists(entry => entry.Description.Contains("tagged", StringComparison.Ordinal)));
    }

    private static async Task<List<(string Kind, string Description)>> CacheAsync(EngineFixture own)
    {
        using var api = new EngineApi(own.SocketPath);
        return [.. (await api.GetAsync("/system/df?type=build-cache")).Json["BuildCache"]!.AsArray().Select(entry => (entry!["Type"]!.GetValue<string>(), entry["Description"]!.GetValue<string>()))];
    }
}
