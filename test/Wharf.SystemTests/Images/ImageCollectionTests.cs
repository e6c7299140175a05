using System.Globalization;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Images that the daemon removes by itself, by the rules of its configuration: which, in which order, and which never. Docker has no such thing.</summary>
public sealed class ImageCollectionTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    private async Task<EngineFixture> StartAsync(string configuration)
    {
        await File.WriteAllTextAsync(_file, configuration, TestContext.Current.CancellationToken);
        var own = new EngineFixture();
        await own.StartOwnAsync("--config-file", _file);
        return own;
    }

    /// <summary>Images of a million bytes each, one after the other.</summary>
    private static async Task ImportAsync(EngineFixture own, params string[] names)
    {
        // What is alike would be one layer: the length of the name seeds the bytes.
        foreach (var name in names) (await own.DockerAsync(TestTrees.Small(name, 1_000_000), "import", "--change", "CMD [\"none\"]", "-", name)).ShouldExit(0);
    }

    private static async Task<List<string>> NamesAsync(EngineFixture own) =>
        [.. (await own.DockerAsync("images", "--format", "{{.Repository}}")).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];

    [Fact]
    public async Task What_was_used_longest_ago_goes_first_and_what_containers_and_jobs_need_or_is_to_be_kept_never()
    {
        await using var own = await StartAsync("""{"images": {"gc": {"minimumAge": 0, "keep": ["kept*"]}}}""");
        await ImportAsync(own, "a", "bb", "ccc", "dddd", "kept1", "kept-too", "jobbing1", "mounted-by");
        // Its container is gone, but it was there last: of all that may go, "a" is the youngest.
        (await own.DockerAsync("rm", (await own.DockerAsync("create", "a")).ShouldExit(0).Text)).ShouldExit(0);
        (await own.DockerAsync("create", "--name", "user", "ccc")).ShouldExit(0);
        (await own.DockerAsync("create", "--name", "mounting", "--mount", "type=image,src=mounted-by,dst=/m", "ccc")).ShouldExit(0);
        (await own.WharfAsync("job", "create", "--name", "later", "jobbing1", "none")).ShouldExit(0);

        (await own.WharfAsync("image", "gc", "-f")).ShouldExit(1).Error.ShouldContain("there is no rule for removing images");
        (await own.WharfAsync("image", "gc", "-f", "--policy", "all,keepDuration=1h,local")).ShouldExit(0).Out.ShouldBe("Total reclaimed space: 0B\n");
        (await own.WharfAsync("image", "gc", "-f", "--policy", "all")).ShouldExit(0).Out.ShouldBe("Total reclaimed space: 0B\n"); // no registry is known to have them
        var dry = (await own.WharfAsync("image", "gc", "--dry-run", "--policy", "all,local")).ShouldExit(0).Out;
        dry.Split('\n')[1..4].Select(line => line.Split(' ')[1]).ShouldBe(["bb:latest", "dddd:latest", "a:latest"]);
        dry.ShouldContain("(rule 0, last used ");
        dry.ShouldEndWith("Space that would be reclaimed: 3MB\nNothing was removed.\n");
        (await NamesAsync(own)).Count.ShouldBe(8);

        // Eight images of a million bytes are held: two must go for no more than six and a half.
        (await own.WharfAsync("image", "gc", "-f", "--policy", "all,local,maxUsedSpace=6.2MB,filter=label!=x")).ShouldExit(0).Out.ShouldContain("Total reclaimed space: 2MB");
        (await NamesAsync(own)).ShouldBe(["a", "ccc", "jobbing1", "kept-too", "kept1", "mounted-by"]);
        (await own.WharfAsync("image", "gc", "-f", "--policy", "all,local,filter=reference=z*")).ShouldExit(0);
        (await own.WharfAsync("image", "gc", "-f", "--policy", "all,local,filter=reference=?")).ShouldExit(0);
        (await NamesAsync(own)).ShouldBe(["ccc", "jobbing1", "kept-too", "kept1", "mounted-by"]);
        // What a container mounts is not freed either when somebody removes the image.
        (await own.DockerAsync("rmi", "mounted-by")).ShouldExit(0);
        (await own.DockerAsync("start", "mounting")).Error.ShouldContain("exec: \"none\""); // so it was mounted
        (await own.WharfAsync("job", "rm", "later")).ShouldExit(0);
    }

    [Fact]
    public async Task A_daemon_told_to_removes_by_itself_from_the_reload_on_and_its_log_and_events_tell_it()
    {
        await using var own = await StartAsync("{}");
        await using var registry = await LocalRegistry.StartAsync();
        await ImportAsync(own, $"{registry.Address}/pushed", "only-here", "forgotten1");
        (await own.DockerAsync("push", $"{registry.Address}/pushed")).ShouldExit(0);
        (await own.DockerAsync("tag", "only-here", "forgotten1")).ShouldExit(0); // the former bearer of the name has none any more
        var since = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        (await own.DockerAsync("images", "-q", "-f", "dangling=true")).Text.Length.ShouldBe(12);

        await File.WriteAllTextAsync(_file, """{"images": {"gc": {"interval": "1s", "minimumAge": "0s", "policy": [{"keepDuration": "48h", "all": true}, {"minFreeSpace": "1000000GB", "all": true}]}}}""", TestContext.Current.CancellationToken);
        (await CommandResult.RunAsync("kill", ["-HUP", own.DaemonPid.ToString(CultureInfo.InvariantCulture)])).ShouldExit(0);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while ((await NamesAsync(own)).Count > 2) await Task.Delay(50, patience.Token);
        (await NamesAsync(own)).ShouldBe(["forgotten1", "only-here"]);
        (await own.DockerAsync("images", "-q", "-f", "dangling=true")).Text.ShouldBe("");
        own.Log.Split('\n').Where(line => line.Contains("is removed by rule 1 of the collection: last used", StringComparison.Ordinal)).Count().ShouldBe(2);
        own.Log.ShouldContain($"{registry.Address}/pushed:latest {registry.Address}/pushed@sha256:");
        while (true)
        {
            var events = (await own.DockerAsync("events", "--since", since, "--until", "0s", "-f", "type=image", "--format", "{{.Action}}")).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (!events.Contains("prune")) { await Task.Delay(50, patience.Token); continue; }
            events.Count(action => action == "delete").ShouldBe(2);
            break;
        }
        (await own.DockerAsync("pull", $"{registry.Address}/pushed")).ShouldExit(0);

        // A configuration without rules ends it.
        await File.WriteAllTextAsync(_file, "{}", TestContext.Current.CancellationToken);
        (await CommandResult.RunAsync("kill", ["-HUP", own.DaemonPid.ToString(CultureInfo.InvariantCulture)])).ShouldExit(0);
        while (!(await own.WharfAsync("image", "gc", "--dry-run")).Error.Contains("there is no rule", StringComparison.Ordinal)) await Task.Delay(50, patience.Token);
    }

    [Fact]
    public async Task When_an_image_was_used_last_survives_the_daemons_death()
    {
        await using var own = await StartAsync("""{"images": {"gc": {"minimumAge": 0}}}""");
        await ImportAsync(own, "a", "bb");
        (await own.DockerAsync("rm", (await own.DockerAsync("create", "a")).ShouldExit(0).Text)).ShouldExit(0);
        await own.KillDaemonAsync();
        await own.StartDaemonAsync("--config-file", _file);
        (await own.WharfAsync("image", "gc", "-f", "--policy", "all,local,maxUsedSpace=1.5MB")).ShouldExit(0);
        (await NamesAsync(own)).ShouldBe(["a"]);
    }
}
