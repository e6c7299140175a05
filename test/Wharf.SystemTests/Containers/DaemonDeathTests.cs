using System.Security.Cryptography;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>The daemon is killed, and everything is as if nothing had been.</summary>
public sealed class DaemonDeathTests
{
    private static async Task WithEngineAsync(Func<EngineFixture, Task> body)
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("WHARF_TEST_HOST") is { Length: > 0 }, "kills the daemon");
        var engine = new EngineFixture();
        await using (engine)
        {
            await engine.InitializeAsync();
            await body(engine);
        }
    }

    private static async Task RestartAsync(EngineFixture engine, int milliseconds = 0)
    {
        await engine.KillDaemonAsync();
        await Task.Delay(milliseconds);
        await engine.StartDaemonAsync();
    }

    [Fact]
    public async Task An_exec_goes_on_and_its_code_is_known_afterwards() => await WithEngineAsync(async engine =>
    {
        (await engine.DockerAsync("run", "-d", "--name", "host", "busybox", "sleep", "1000")).ShouldExit(0);
        using var api = new ApiClient(engine);
        var exec = (string)(await api.PostAsync("containers/host/exec", """{"Cmd":["sh","-c","while [ ! -e /go ]; do sleep 0.1; done; exit 9"],"User":"nobody"}""")).Body!["Id"]!;
        (await api.PostAsync($"exec/{exec}/start", """{"Detach":true}""")).Status.ShouldBe(200);
        await RestartAsync(engine);
        using var after = new ApiClient(engine);
        var running = (await after.GetAsync($"exec/{exec}/json")).Body!;
        ((bool)running["Running"]!).ShouldBeTrue();
        ((string)running["ProcessConfig"]!["user"]!).ShouldBe("nobody");
        (await engine.DockerAsync("exec", "host", "touch", "/go")).ShouldExit(0);
        for (int i = 0; i < 50 && (bool)(await after.GetAsync($"exec/{exec}/json")).Body!["Running"]!; i++) await Task.Delay(100);
        ((int)(await after.GetAsync($"exec/{exec}/json")).Body!["ExitCode"]!).ShouldBe(9);
    });

    [Fact]
    public async Task Health_restart_policies_and_removal_go_on() => await WithEngineAsync(async engine =>
    {
        (await engine.DockerAsync("run", "-d", "--name", "healthy", "--health-cmd", "true", "--health-interval", "100ms", "busybox", "sleep", "1000")).ShouldExit(0);
        (await engine.DockerAsync("run", "-d", "--name", "always", "--restart", "always", "busybox", "sh", "-c", "echo up; sleep 1; exit 1")).ShouldExit(0);
        (await engine.DockerAsync("run", "-d", "--name", "gone", "--rm", "busybox", "sleep", "1")).ShouldExit(0);
        for (int i = 0; i < 50 && (await engine.DockerAsync("inspect", "-f", "{{.State.Health.Status}}", "healthy")).Text != "healthy"; i++) await Task.Delay(100);
        await RestartAsync(engine, 1500);
        (await engine.DockerAsync("inspect", "-f", "{{.State.Health.Status}}", "healthy")).Text.ShouldBe("healthy");
        for (int i = 0; i < 100 && (await engine.DockerAsync("logs", "always")).Out.Split("up").Length < 3; i++) await Task.Delay(100);
        (await engine.DockerAsync("logs", "always")).Out.Split("up").Length.ShouldBeGreaterThanOrEqualTo(3);
        for (int i = 0; i < 50 && (await engine.DockerAsync("inspect", "gone")).ExitCode == 0; i++) await Task.Delay(100);
        (await engine.DockerAsync("inspect", "gone")).ExitCode.ShouldBe(1);
    });

    [Fact]
    public async Task After_the_machine_went_down_the_policies_say_what_runs() => await WithEngineAsync(async engine =>
    {
        foreach (var (name, policy) in ((string, string)[])[("always", "always"), ("unless", "unless-stopped"), ("stopped", "unless-stopped"), ("stopped-always", "always"), ("failure", "on-failure"), ("no", "no")])
            (await engine.DockerAsync("run", "-d", "--name", name, "--restart", policy, "busybox", "sleep", "1000")).ShouldExit(0);
        (await engine.DockerAsync("stop", "-t", "0", "stopped", "stopped-always")).ShouldExit(0);
        (await engine.DockerAsync("run", "-d", "--name", "removed", "--rm", "busybox", "sleep", "1000")).ShouldExit(0);
        // As a power cut leaves it: no process, and nothing of what was in memory.
        await engine.KillDaemonAsync();
        var tag = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(engine.DataRoot)))[..8];
        const string PowerCut = """
            kill -9 $(pgrep -f "shim --root $1/shim")
            for try in $(seq 100); do
              find /sys/fs/cgroup -path "*/wharf-$2/*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | xargs -r kill -9 2>/dev/null
              find /sys/fs/cgroup -depth -type d -path "*/wharf-$2*" -exec rmdir {} + 2>/dev/null
              [ -z "$(find /sys/fs/cgroup -type d -name "wharf-$2")" ] && exit 0
              sleep 0.1
            done
            exit 1
            """;
        (await CommandResult.RunAsync("sh", ["-c", PowerCut, "sh", engine.ExecRoot, tag])).ShouldExit(0);
        Directory.Delete(engine.ExecRoot, recursive: true);
        await engine.StartDaemonAsync();
        async Task<string> StateAsync(string name) => (await engine.DockerAsync("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)).Text;
        foreach (var name in (string[])["always", "unless", "stopped-always", "failure"])
        {
            for (int i = 0; i < 100 && await StateAsync(name) != "running 0"; i++) await Task.Delay(100);
            (await StateAsync(name)).ShouldBe("running 0", name);
        }
        (await StateAsync("stopped")).ShouldBe("exited 137");
        (await StateAsync("no")).ShouldBe("exited 255");
        for (int i = 0; i < 50 && (await engine.DockerAsync("inspect", "removed")).ExitCode == 0; i++) await Task.Delay(100);
        (await engine.DockerAsync("inspect", "removed")).ExitCode.ShouldBe(1);
    });

    [Fact]
    public async Task A_terminal_can_be_attached_to_again_and_a_port_stays_open() => await WithEngineAsync(async engine =>
    {
        (await engine.DockerAsync("run", "-dit", "--name", "term", "busybox", "cat")).ShouldExit(0);
        (await engine.DockerAsync("run", "-d", "--name", "web", "-p", "127.0.0.1::80", "busybox", "sh", "-c", "mkdir /www; echo still > /www/index.html; exec httpd -f -p 80 -h /www")).ShouldExit(0);
        var port = (await engine.DockerAsync("port", "web", "80")).Text;
        await engine.KillDaemonAsync();
        (await CommandResult.RunAsync("curl", ["-sS", "--max-time", "10", "--retry", "5", "--retry-connrefused", $"http://{port}/"])).ShouldExit(0).Text.ShouldBe("still");
        await engine.StartDaemonAsync();
        (await CommandResult.RunAsync("curl", ["-sS", "--max-time", "10", $"http://{port}/"])).ShouldExit(0).Text.ShouldBe("still");
        var (stream, _) = await ApiClient.UpgradeAsync(engine, "containers/term/attach?stream=1&stdin=1&stdout=1");
        using (stream)
        {
            await stream.WriteAsync("echoed\n"u8.ToArray());
            (await ApiClient.ReadAsync(stream, text => text.Contains("echoed"))).ShouldContain("echoed");
        }
    });
}
