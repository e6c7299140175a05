using System.Net.Sockets;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Shim;

/// <summary>The process that looks after the containers: it outlives the daemon, and its own death is no catastrophe.</summary>
public sealed class ShimTests
{
    private static async Task WithEngineAsync(Func<EngineFixture, Task> body)
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("WHARF_TEST_HOST") is { Length: > 0 }, "kills parts of Wharf itself");
        var engine = new EngineFixture();
        await using (engine)
        {
            await engine.InitializeAsync();
            await body(engine);
        }
    }

    /// <summary>The process that serves the exec root.</summary>
    private static int ShimPid(EngineFixture engine) => Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!)).First(pid =>
    {
        try { return File.ReadAllText($"/proc/{pid}/cmdline").Replace('\0', ' ').Contains($"shim --root {engine.ExecRoot}", StringComparison.Ordinal) && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal); }
        catch (IOException) { return false; }
    });

    private static async Task<string> InspectAsync(EngineFixture engine, string container, string format) => (await engine.DockerAsync("inspect", "--format", format, container)).ShouldExit(0).Text;

    private static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        for (int i = 0; i < 300; i++)
        {
            if (await condition()) return;
            await Task.Delay(100);
        }
        throw new TimeoutException(what);
    }

    [Fact]
    public async Task Output_and_exit_codes_survive_the_death_of_the_daemon() => await WithEngineAsync(async engine =>
    {
        (await engine.DockerAsync("run", "-d", "--name", "talker", "busybox", "sh", "-c", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done; while [ ! -e /stop ]; do sleep 0.1; done; echo last; exit 42")).ShouldExit(0);
        (await engine.DockerAsync("run", "-d", "--name", "ended", "busybox", "sh", "-c", "sleep 0.5; exit 7")).ShouldExit(0);
        int shim = ShimPid(engine);
        await engine.KillDaemonAsync();
        await Task.Delay(1000); // "ended" ends while nobody is there to hear it
        await engine.StartDaemonAsync();
        ShimPid(engine).ShouldBe(shim);
        (await InspectAsync(engine, "ended", "{{.State.Status}} {{.State.ExitCode}}")).ShouldBe("exited 7");
        (await engine.DockerAsync("exec", "talker", "touch", "/stop")).ShouldExit(0);
        (await engine.DockerAsync("wait", "talker")).ShouldExit(0).Text.ShouldBe("42");
        var lines = (await engine.DockerAsync("logs", "talker")).ShouldExit(0).Text.Split('\n');
        lines.Length.ShouldBe(3001);
        lines[^1].ShouldBe("last");
        (await engine.DockerAsync("rm", "-f", "talker", "ended")).ShouldExit(0);
    });

    [Fact]
    public async Task When_the_shim_is_killed_its_containers_are_dead_with_a_reason_and_nothing_is_left() => await WithEngineAsync(async engine =>
    {
        foreach (var name in (string[])["one", "two"]) (await engine.DockerAsync("run", "-d", "--name", name, "busybox", "sleep", "1000")).ShouldExit(0);
        (await engine.DockerAsync("run", "-d", "--name", "again", "--restart", "always", "busybox", "sleep", "1000")).ShouldExit(0);
        var pids = new List<string>();
        foreach (var name in (string[])["one", "two", "again"]) pids.Add(await InspectAsync(engine, name, "{{.State.Pid}}"));
        int shim = ShimPid(engine);
        (await CommandResult.RunAsync("kill", ["-9", shim.ToString()])).ShouldExit(0);

        foreach (var name in (string[])["one", "two"])
        {
            await UntilAsync(async () => await InspectAsync(engine, name, "{{.State.Status}}") == "exited", $"{name} is not told as dead:\n{engine.Log}");
            (await InspectAsync(engine, name, "{{.State.ExitCode}} {{.State.Error}}")).ShouldStartWith("137 the process that looked after the container");
        }
        await UntilAsync(async () => await InspectAsync(engine, "again", "{{.State.Running}} {{.State.Pid}}") is var state && state.StartsWith("true") && !state.EndsWith(" " + pids[2]), $"the restart policy was not applied:\n{engine.Log}");
        foreach (var pid in pids) IsGone(pid).ShouldBeTrue($"process {pid} runs on");
        ShimPid(engine).ShouldNotBe(shim);
        (await engine.DockerAsync("start", "one")).ShouldExit(0);
        (await engine.DockerAsync("exec", "one", "echo", "back")).ShouldExit(0).Text.ShouldBe("back");
        (await engine.DockerAsync("rm", "-f", "one", "two", "again")).ShouldExit(0);
    });

    [Fact]
    public async Task Daemon_and_shim_killed_together_are_cleaned_up_by_the_next() => await WithEngineAsync(async engine =>
    {
        (await engine.DockerAsync("run", "-d", "--name", "both", "busybox", "sleep", "1000")).ShouldExit(0);
        var pid = await InspectAsync(engine, "both", "{{.State.Pid}}");
        int shim = ShimPid(engine);
        await engine.KillDaemonAsync();
        (await CommandResult.RunAsync("kill", ["-9", shim.ToString()])).ShouldExit(0);
        await engine.StartDaemonAsync();
        await UntilAsync(async () => await InspectAsync(engine, "both", "{{.State.Status}}") == "exited", "it is not told as dead");
        IsGone(pid).ShouldBeTrue();
        (await engine.DockerAsync("rm", "-f", "both")).ShouldExit(0);
    });

    private static bool IsGone(string pid)
    {
        try { return File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal); }
        catch (IOException) { return true; }
    }

    [Fact]
    public async Task A_slow_client_loses_nothing_and_neither_does_the_log() => await WithEngineAsync(async engine =>
    {
        const int Lines = 40_000; // about 20 MB: far beyond what pipes, sockets and the shim's bound can hold for one
        var line = new string('x', 500);
        (await engine.DockerAsync("create", "--name", "loud", "busybox", "sh", "-c", $"yes {line} | head -n {Lines}; echo last")).ShouldExit(0);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(engine.SocketPath));
        await socket.SendAsync(Encoding.ASCII.GetBytes("POST /v1.43/containers/loud/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"));
        (await engine.DockerAsync("start", "loud")).ShouldExit(0);
        await Task.Delay(2000); // nobody reads
        (await InspectAsync(engine, "loud", "{{.State.Running}}")).ShouldBe("true"); // held back, not cut off
        long total = 0;
        var buffer = new byte[1 << 16];
        for (int count; (count = await socket.ReceiveAsync(buffer)) > 0;) total += count;
        total.ShouldBeGreaterThan((long)Lines * (line.Length + 1));
        (await engine.DockerAsync("wait", "loud")).ShouldExit(0).Text.ShouldBe("0");
        var lines = (await engine.DockerAsync("logs", "loud")).ShouldExit(0).Text.Split('\n');
        lines.Length.ShouldBe(Lines + 1);
        lines[^1].ShouldBe("last");
        lines.Take(Lines).ShouldAllBe(text => text == line);
        (await engine.DockerAsync("rm", "-f", "loud")).ShouldExit(0);
    });
}
