using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

public sealed class HealthTests(EngineFixture engine)
{
    private async Task<JsonNode> UntilAsync(string id, Func<JsonNode, bool> condition, string format = "{{json .State.Health}}")
    {
        JsonNode? last = null;
        for (int i = 0; i < 150; i++)
        {
            last = JsonNode.Parse((await engine.DockerAsync("inspect", "-f", format, id)).Text);
            if (last is not null && condition(last)) return last;
            await Task.Delay(100);
        }
        throw new TimeoutException($"the health never came to be as expected: {last}");
    }

    [Fact]
    public async Task Failures_make_it_unhealthy_and_a_success_healthy()
    {
        await using var container = await RunningContainer.StartAsync(engine, ["--health-cmd", "echo probing; cat /ok", "--health-interval", "100ms", "--health-retries", "2"], "sleep", "1000");
        var health = await UntilAsync(container.Id, health => (string)health["Status"]! == "unhealthy");
        ((int)health["FailingStreak"]!).ShouldBeGreaterThanOrEqualTo(2);
        ((string)health["Log"]![0]!["Output"]!).ShouldStartWith("probing");
        ((int)health["Log"]![0]!["ExitCode"]!).ShouldBe(1);
        (await engine.DockerAsync("ps", "--filter", "health=unhealthy", "--no-trunc", "-q")).Out.ShouldContain(container.Id);
        (await engine.DockerAsync("ps", "--filter", "id=" + container.Id, "--format", "{{.Status}}")).Out.ShouldContain("(unhealthy)");
        (await engine.DockerAsync("exec", container.Id, "touch", "/ok")).ShouldExit(0);
        health = await UntilAsync(container.Id, health => (string)health["Status"]! == "healthy");
        ((int)health["FailingStreak"]!).ShouldBe(0);
        health["Log"]!.AsArray().Count.ShouldBeLessThanOrEqualTo(5);
    }

    [Fact]
    public async Task A_probe_that_takes_too_long_is_ended_with_all_that_it_started()
    {
        await using var container = await RunningContainer.StartAsync(engine, ["--health-cmd", "echo said; sleep 7654 | cat", "--health-interval", "200ms", "--health-timeout", "300ms", "--health-retries", "1"], "sleep", "1000");
        var health = await UntilAsync(container.Id, health => (string)health["Status"]! == "unhealthy");
        ((string)health["Log"]![0]!["Output"]!).ShouldBe("Health check exceeded timeout (300ms): said\n");
        ((int)health["Log"]![0]!["ExitCode"]!).ShouldBe(-1);
        if (!engine.IsWharf) return; // docker leaves what a probe has started behind
        // Several probes have come and gone; those that are over are not there any more.
        await UntilAsync(container.Id, health => (int)health["FailingStreak"]! >= 4);
        (await engine.DockerAsync("top", container.Id)).Out.Split('\n').Count(line => line.EndsWith("sleep 7654", StringComparison.Ordinal)).ShouldBeLessThanOrEqualTo(1);
    }

    [Fact]
    public async Task Without_a_check_there_is_no_health()
    {
        await using var container = await RunningContainer.StartAsync(engine, ["--no-healthcheck"], "sleep", "1000");
        (await engine.DockerAsync("inspect", "-f", "{{json .State.Health}}", container.Id)).Text.ShouldBe("null");
        (await engine.DockerAsync("ps", "--filter", "health=none", "--no-trunc", "-q")).Out.ShouldContain(container.Id);
    }

    [Fact]
    public async Task Changes_of_health_are_events()
    {
        await using var container = await RunningContainer.StartAsync(engine, ["--health-cmd", "true", "--health-interval", "100ms"], "sleep", "1000");
        await UntilAsync(container.Id, health => (string)health["Status"]! == "healthy");
        await Task.Delay(1100); // docker's client cuts --until to whole seconds
        var events = await engine.DockerAsync("events", "--since", "1m", "--until", "0s", "--filter", "container=" + container.Id, "--filter", "event=health_status", "--format", "{{.Action}}");
        events.Text.ShouldBe("health_status: healthy");
    }

    [Fact]
    public async Task Http_and_tcp_probes_need_no_program_in_the_image()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such probes");
        (await engine.WharfAsync("run", "-d", "--name", "probe-http", "--health-http", "http://localhost:80/index.html", "--health-interval", "200ms", "busybox", "sh", "-c",
            "mkdir /www; echo hi > /www/index.html; exec httpd -f -p 80 -h /www")).ShouldExit(0);
        (await engine.WharfAsync("run", "-d", "--name", "probe-tcp", "--health-tcp", "127.0.0.1:81", "--health-interval", "100ms", "--health-retries", "1", "busybox", "sleep", "1000")).ShouldExit(0);
        try
        {
            await UntilAsync("probe-http", health => (string)health["Status"]! == "healthy");
            await UntilAsync("probe-tcp", health => (string)health["Status"]! == "unhealthy");
        }
        finally { await engine.DockerAsync("rm", "-f", "probe-http", "probe-tcp"); }
    }

    [Theory]
    [InlineData("stop", "exited")]
    [InlineData("kill", "exited")]
    [InlineData("restart", "running")]
    public async Task An_unhealthy_container_is_dealt_with_as_asked(string action, string status)
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such option");
        var name = "unhealthy-" + action;
        (await engine.WharfAsync("run", "-d", "--name", name, "--stop-timeout", "0", "--on-unhealthy", action, "--health-cmd", "false", "--health-interval", "300ms", "--health-retries", "1", "busybox", "sleep", "1000")).ShouldExit(0);
        try
        {
            var started = (await engine.DockerAsync("inspect", "-f", "{{.State.StartedAt}}", name)).Text;
            await UntilAsync(name, state => (string)state["Status"]! == status && (action != "restart" || (string)state["StartedAt"]! != started), "{{json .State}}");
        }
        finally { await engine.DockerAsync("rm", "-f", name); }
        (await engine.WharfAsync("create", "--on-unhealthy", "dance", "busybox")).ShouldExit(1).Error.ShouldContain("must be one of none, restart, stop, kill");
    }

    [Fact]
    public async Task A_check_is_run_by_hand()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such command");
        await using var container = await RunningContainer.StartAsync(engine, ["--health-cmd", "echo looking; cat /ok", "--health-interval", "1h", "--health-retries", "1"], "sleep", "1000");
        (await engine.WharfAsync("healthcheck", "run", container.Id)).ShouldExit(1).Out.ShouldStartWith("looking\n");
        var health = await UntilAsync(container.Id, health => (string)health["Status"]! == "unhealthy");
        ((int)health["Log"]![0]!["ExitCode"]!).ShouldBe(1);
        (await engine.DockerAsync("exec", container.Id, "touch", "/ok")).ShouldExit(0);
        (await engine.WharfAsync("healthcheck", "run", "-q", container.Id)).ShouldExit(0).Out.ShouldBe("");
        health = await UntilAsync(container.Id, health => (string)health["Status"]! == "healthy");
        health["Log"]!.AsArray().Count.ShouldBe(2);
        (await engine.WharfAsync("stop", "-t", "0", container.Id)).ShouldExit(0);
        (await engine.WharfAsync("healthcheck", "run", container.Id)).ShouldExit(125).Error.ShouldContain("is not running");
        (await engine.WharfAsync("healthcheck", "run", "no-such-container")).ShouldExit(125);
        await using var bare = await RunningContainer.StartAsync(engine, [], "sleep", "1000");
        (await engine.WharfAsync("healthcheck", "run", bare.Id)).ShouldExit(125).Error.ShouldContain("has no health check");
    }

    [Fact]
    public async Task A_startup_check_goes_before_the_health_check()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such check");
        const string name = "health-startup";
        (await engine.WharfAsync("run", "-d", "--name", name, "--health-cmd", "echo regular", "--health-interval", "200ms", "--health-startup-cmd", "echo startup; test -f /started", "--health-startup-interval", "100ms", "busybox", "sleep", "1000")).ShouldExit(0);
        try
        {
            var health = await UntilAsync(name, health => health["Log"]!.AsArray().Count == 5);
            ((string)health["Status"]!).ShouldBe("starting");
            ((int)health["FailingStreak"]!).ShouldBe(0);
            health["Log"]!.AsArray().ShouldAllBe(result => (string)result!["Output"]! == "startup\n" && (int)result["ExitCode"]! == 1);
            (await engine.DockerAsync("exec", name, "touch", "/started")).ShouldExit(0);
            health = await UntilAsync(name, health => (string)health["Status"]! == "healthy");
            ((string)health["Log"]!.AsArray()[^1]!["Output"]!).ShouldBe("regular\n");
        }
        finally { await engine.DockerAsync("rm", "-f", name); }
        (await engine.WharfAsync("create", "--health-startup-cmd", "true", "busybox")).ShouldExit(1).Error.ShouldContain("needs a health check");
    }

    [Theory]
    [InlineData("always", "running")]
    [InlineData("no", "exited")]
    public async Task A_startup_that_fails_ends_the_container_and_its_policy_decides(string policy, string status)
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such check");
        var name = "health-startup-" + policy;
        // Labels are for clients that do not know the flags.
        (await engine.DockerAsync("run", "-d", "--name", name, "--restart", policy, "--label", "wharf.health-startup-cmd=false", "--label", "wharf.health-startup-interval=300ms", "--label", "wharf.health-startup-retries=2",
            "--health-cmd", "true", "busybox", "sleep", "1000")).ShouldExit(0);
        try
        {
            await UntilAsync(name, state => (string)state["State"]!["Status"]! == status && (policy == "no" ? (int)state["State"]!["ExitCode"]! == 137 : (int)state["RestartCount"]! > 0), "{{json .}}");
        }
        finally { await engine.DockerAsync("rm", "-f", name); }
    }
}
