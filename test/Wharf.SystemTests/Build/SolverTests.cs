using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>What is built, how often and side by side with what; and what is kept of it.</summary>
public sealed class SolverTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-solver-").FullName;
    private readonly string _id = "solver-" + Guid.NewGuid().ToString("n");

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private Task<CommandResult> BuildAsync(string dockerfile, params string[] args)
    {
        File.WriteAllText(Path.Combine(_context, "Dockerfile"), dockerfile);
        return Buildx.RunAsync(engine, ["build", .. args, _context]);
    }

    [Fact]
    public async Task Two_builds_that_come_to_the_same_step_run_it_once()
    {
        var mount = $"--mount=type=cache,id={_id},target=/c";
        var dockerfile = $"FROM busybox\nRUN {mount} echo ran >> /c/log && sleep 1\nRUN {mount} cat /c/log > /log\n";
        foreach (var build in await Task.WhenAll(BuildAsync(dockerfile, "-t", "solver-a"), BuildAsync(dockerfile, "-t", "solver-b"))) build.ShouldExit(0);
        foreach (var image in new[] { "solver-a", "solver-b" }) (await engine.DockerAsync("run", "--rm", image, "cat", "/log")).ShouldExit(0).Text.ShouldBe("ran");
    }

    /// <summary>Each of the two ends only when the other has begun.</summary>
    [Fact]
    public async Task Stages_that_do_not_need_each_other_run_side_by_side()
    {
        string Stage(string own, string other) => $"FROM busybox AS {own}\nRUN --mount=type=cache,id={_id},target=/c touch /c/{own}; n=0; until [ -e /c/{other} ]; do n=$((n+1)); [ $n -lt 600 ] || exit 1; sleep 0.1; done; touch /{own}\n";
        (await BuildAsync($"{Stage("a", "b")}{Stage("b", "a")}FROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n")).ShouldExit(0);
    }

    [Fact]
    public async Task A_stage_that_nobody_needs_costs_nothing_not_even_a_pull()
    {
        var build = (await BuildAsync("FROM nowhere.invalid/none AS unused\nRUN exit 1\nFROM busybox AS used\nRUN echo used > /u\nFROM unused AS also\nCOPY nothing /\nFROM busybox\nCOPY --from=used /u /u\n")).ShouldExit(0);
        build.Error.ShouldNotContain("nowhere.invalid");
        build.Error.ShouldNotContain("exit 1");
        (await BuildAsync("FROM busybox AS first\nRUN echo first > /f\nFROM first AS second\nRUN exit 1\n", "--target", "first")).ShouldExit(0);
    }

    [Fact]
    public async Task The_cache_is_kept_within_its_bounds_by_size_and_pruned_by_age()
    {
        if (!engine.IsWharf) Assert.Skip("needs an engine of its own");
        Buildx.Require("docker-buildx");
        await using var own = new EngineFixture();
        var config = Path.Combine(own.Root, "daemon.json");
        await File.WriteAllTextAsync(config, """{"builder": {"gc": {"enabled": true, "defaultReservedSpace": "1MB", "defaultMaxUsedSpace": "3MB", "defaultMinFreeSpace": "0"}}}""", TestContext.Current.CancellationToken);
        await own.StartOwnAsync("--config-file", config);
        (await own.DockerAsync(BusyboxImage.Tar(), "import", "-", "busybox:latest")).ShouldExit(0);
        async Task BuildOneAsync(int number)
        {
            await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), $"FROM busybox\nRUN head -c 1000000 /dev/urandom > /{number}\n", TestContext.Current.CancellationToken);
            (await own.WharfAsync("build", "-q", _context)).ShouldExit(0);
        }
        for (int number = 0; number < 6; number++) await BuildOneAsync(number);
        // Images without a name hold what they were made of.
        (await own.DockerAsync("image", "prune", "-f")).ShouldExit(0);
        (await CacheAsync(own)).Total.ShouldBeGreaterThan(3_000_000);
        // A collection comes with the first build of a daemon, and not again for a minute.
        (await own.StopDaemonAsync()).ShouldBe(0);
        await own.StartDaemonAsync("--config-file", config);
        await BuildOneAsync(6);
        using var patience = new CancellationTokenSource(CommandResult.Patience(60));
        while ((await CacheAsync(own)).Total > 3 << 20) await Task.Delay(100, patience.Token);
        var (_, left) = await CacheAsync(own);
        left.ShouldContain(description => description.Contains("> /6", StringComparison.Ordinal));
        left.ShouldNotContain(description => description.Contains("> /0", StringComparison.Ordinal));
        (await own.DockerAsync("builder", "prune", "-af", "--filter", "until=1h")).ShouldExit(0);
        (await CacheAsync(own)).Descriptions.ShouldBe(left);
        (await own.DockerAsync("builder", "prune", "-af", "--filter", "until=0s")).ShouldExit(0);
        (await CacheAsync(own)).Descriptions.ShouldBeEmpty();
    }

    /// <summary>Docker's keep-duration: sixty days for results, two days for cache mounts once they are more than 512 MB; and what a client's prune says.</summary>
    [Fact]
    public async Task What_was_long_not_used_goes()
    {
        if (!engine.IsWharf) Assert.Skip("needs an engine of its own");
        Buildx.Require("docker-buildx");
        await using var own = new EngineFixture();
        var config = Path.Combine(own.Root, "daemon.json");
        // Nothing here is beyond a bound: only what is old may go.
        await File.WriteAllTextAsync(config, """{"builder": {"gc": {"enabled": true, "defaultReservedSpace": "1KB", "defaultMaxUsedSpace": "10GB", "defaultMinFreeSpace": "0"}}}""", TestContext.Current.CancellationToken);
        await own.StartOwnAsync("--config-file", config);
        (await own.DockerAsync(BusyboxImage.Tar(), "import", "-", "busybox:latest")).ShouldExit(0);
        foreach (var name in new[] { "old", "young" })
        {
            await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), $"FROM busybox\nRUN --mount=type=cache,id={name}-mount,target=/c echo {name} > /step && truncate -s 600M /c/{name}\n", TestContext.Current.CancellationToken);
            (await own.WharfAsync("build", "-q", "-o", "type=cacheonly", _context)).ShouldExit(0);
        }
        async Task<List<string>> CacheOfAsync(string what) => [.. (await CacheAsync(own)).Descriptions.Where(description => description.Contains(what, StringComparison.Ordinal))];
        (await Buildx.RunAsync(own, ["buildx", "prune", "-af", "--filter", "until=1h"])).ShouldExit(0);
        (await CacheOfAsync("old")).Count.ShouldBe(2);
        (await own.StopDaemonAsync()).ShouldBe(0);
        Age(own.DataRoot, "old", TimeSpan.FromDays(61));
        await own.StartDaemonAsync("--config-file", config);
        (await Buildx.RunAsync(own, ["buildx", "prune", "-af", "--filter", $"until={24 * 62}h"])).ShouldExit(0);
        (await CacheOfAsync("old")).Count.ShouldBe(2);
        (await Buildx.RunAsync(own, ["buildx", "prune", "-af", "--filter", $"until={24 * 60}h"])).ShouldExit(0);
        (await CacheOfAsync("old")).ShouldBeEmpty();
        (await CacheOfAsync("young")).Count.ShouldBe(2);
        // The daemon's own collection, with the first build after its start.
        (await own.StopDaemonAsync()).ShouldBe(0);
        Age(own.DataRoot, "young-mount", TimeSpan.FromHours(49));
        await own.StartDaemonAsync("--config-file", config);
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), "FROM busybox\nRUN echo new > /step\n", TestContext.Current.CancellationToken);
        (await own.WharfAsync("build", "-q", "-o", "type=cacheonly", _context)).ShouldExit(0);
        using var patience = new CancellationTokenSource(CommandResult.Patience(60));
        while ((await CacheOfAsync("cached mount young")).Count > 0) await Task.Delay(100, patience.Token);
        (await CacheOfAsync("young")).ShouldHaveSingleItem().ShouldContain("RUN");
        (await CacheOfAsync("new")).Count.ShouldBe(1);
    }

    /// <summary>Makes the entries whose description holds a word as old as if they had not been used for so long. The daemon is down.</summary>
    private static void Age(string dataRoot, string word, TimeSpan age)
    {
        var then = DateTime.UtcNow - age;
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(dataRoot, "state.db")}"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "update build_step set used_at = $1 where description like $2";
            command.Parameters.AddWithValue("$1", then.ToString("o"));
            command.Parameters.AddWithValue("$2", $"%{word}%");
            command.ExecuteNonQuery();
        }
        foreach (var id in Directory.EnumerateFiles(Path.Combine(dataRoot, "build"), "*.id", SearchOption.AllDirectories).Where(path => File.ReadAllText(path).Contains(word, StringComparison.Ordinal)))
            File.SetLastWriteTimeUtc(id, then);
    }

    private static async Task<(long Total, List<string> Descriptions)> CacheAsync(EngineFixture engine)
    {
        using var api = new EngineApi(engine.SocketPath);
        var entries = (await api.GetAsync("/system/df?type=build-cache")).Json["BuildCache"]!.AsArray();
        return (entries.Sum(entry => entry!["Size"]!.GetValue<long>()), [.. entries.Select(entry => entry!["Description"]!.GetValue<string>())]);
    }
}
