using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Limits at create and while it runs, and what is told of its use.</summary>
public sealed class ResourceTests(EngineFixture engine)
{
    [Fact]
    public async Task An_update_counts_at_once_and_is_remembered()
    {
        await using var container = await RunningContainer.StartAsync(engine, ["-m", "64m"], "sleep", "1000");
        (await engine.DockerAsync("update", "-m", "128m", "--memory-swap", "-1", "--cpu-shares", "300", "--restart", "on-failure:3", container.Id)).ShouldExit(0);
        (await engine.DockerAsync("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.RestartPolicy.Name}}", container.Id)).Text.ShouldBe("134217728 300 on-failure");
        var stats = (await engine.DockerAsync("stats", "--no-stream", "--format", "{{json .}}", container.Id)).ShouldExit(0);
        var row = JsonNode.Parse(stats.Text)!;
        ((string)row["MemUsage"]!).ShouldEndWith("/ 128MiB");
        ((string)row["PIDs"]!).ShouldBe("1");
    }

    [Fact]
    public async Task An_update_warns_of_a_disabled_OOM_killer_without_a_limit_and_changes_nothing_of_it()
    {
        await using var container = await RunningContainer.StartAsync(engine, [], "sleep", "1000");
        using var api = new EngineApi(engine.SocketPath);
        var version2 = (await engine.DockerAsync("info", "-f", "{{.CgroupVersion}}")).ShouldExit(0).Text == "2";
        var path = $"/containers/{container.Id}/update";
        (await api.PostAsync(path, """{"OomKillDisable":true}""")).Text.ShouldContain(version2 ? "Your kernel does not support OomKillDisable. OomKillDisable discarded."
            : "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.");
        if (!version2) (await api.PostAsync(path, """{"OomKillDisable":true,"Memory":33554432,"MemorySwap":67108864}""")).Text.ShouldContain("\"Warnings\":null");
        (await engine.DockerAsync("inspect", "-f", "{{.HostConfig.OomKillDisable}}", container.Id)).ShouldExit(0).Text.ShouldBe(version2 ? "<nil>" : "false");
    }

    [Theory]
    [InlineData("Minimum memory limit allowed is 6MB", "-m", "1m")]
    [InlineData("Minimum memoryswap limit should be larger than memory limit", "-m", "100m", "--memory-swap", "50m")]
    [InlineData("Conflicting options: Nano CPUs and CPU Period cannot both be set", "--cpus", "1", "--cpu-period", "100000")]
    [InlineData("range of CPUs is from 0.01", "--cpus", "9999")]
    [InlineData("for cpuset cpus", "--cpuset-cpus", "x")]
    [InlineData("CPU cfs period can not be less than 1ms", "--cpu-period", "5")]
    [InlineData("invalid restart policy", "--restart", "sometimes")]
    [InlineData("range for oom score adj is [-1000, 1000]", "--oom-score-adj", "5000")]
    public async Task Limits_that_make_no_sense_are_refused(string message, params string[] options) =>
        (await engine.DockerAsync(["create", .. options, "busybox", "true"])).Error.ShouldContain(message);

    [Fact]
    public async Task Stats_tell_the_processor_time_that_is_used()
    {
        await using var container = await RunningContainer.StartAsync(engine, ["--cpus", "0.5"], "sh", "-c", "while :; do :; done");
        await Task.Delay(500);
        using var api = new ApiClient(engine);
        var sample = (await api.GetAsync($"containers/{container.Id}/stats?stream=0")).Body!;
        var used = (double)sample["cpu_stats"]!["cpu_usage"]!["total_usage"]! - (double)sample["precpu_stats"]!["cpu_usage"]!["total_usage"]!;
        var system = (double)sample["cpu_stats"]!["system_cpu_usage"]! - (double)sample["precpu_stats"]!["system_cpu_usage"]!;
        // What docker's client shows as a percentage of one processor.
        (used / system * (double)sample["cpu_stats"]!["online_cpus"]! * 100).ShouldBeInRange(5, 75);
        ((long)sample["memory_stats"]!["usage"]!).ShouldBeGreaterThan(0);
        var idle = (await api.GetAsync($"containers/{container.Id}/stats?stream=0&one-shot=1")).Body!;
        ((double)idle["precpu_stats"]!["cpu_usage"]!["total_usage"]!).ShouldBe(0);
    }

    [Fact]
    public async Task Top_shows_the_processes_in_the_columns_that_are_asked_for()
    {
        await using var container = await RunningContainer.StartAsync(engine, [], "sh", "-c", "sleep 1001 & sleep 1002");
        await Task.Delay(300);
        var top = (await engine.DockerAsync("top", container.Id, "-o", "pid,args")).ShouldExit(0);
        top.Out.Split('\n')[0].ShouldMatch(@"^PID\s+COMMAND");
        top.Out.ShouldContain("sleep 1001");
        top.Out.ShouldContain("sleep 1002");
        (await engine.DockerAsync("top", container.Id, "--no-such-option")).ShouldExit(1);
    }
}
