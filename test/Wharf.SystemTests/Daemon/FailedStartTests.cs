using System.Net;
using System.Net.Sockets;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Daemon;

/// <summary>A daemon whose start fails says why in a line and leaves nothing behind, but the containers of the one before.</summary>
public sealed class FailedStartTests
{
    private static readonly string Wharf = Path.Combine(EngineFixture.Binaries, "wharf");

    [Theory]
    [InlineData("must be created manually", "--bridge", "nosuch")]
    [InlineData("option \"bip\"", "--bip", "10.99.0.1/33")]
    [InlineData("address already in use", "-H", "tcp://127.0.0.1:TAKEN", "--tls=false")]
    [InlineData("address already in use", "--registry", "127.0.0.1:TAKEN")]
    public async Task Nothing_stays(string reason, params string[] flags)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var root = Directory.CreateTempSubdirectory("wharf-failed-").FullName;
        try
        {
            var given = flags.Select(flag => flag.Replace("TAKEN", ((IPEndPoint)taken.LocalEndpoint).Port.ToString(), StringComparison.Ordinal));
            var daemon = await CommandResult.RunAsync(Wharf, ["daemon", "-H", $"unix://{root}/w.sock", "--data-root", $"{root}/data", "--exec-root", $"{root}/run", "--pidfile", $"{root}/pid", .. given]);
            daemon.ShouldExit(1);
            daemon.Error.TrimEnd().Split('\n')[^1].ShouldStartWith("wharf daemon: ");
            daemon.Error.TrimEnd().Split('\n')[^1].ShouldContain(reason);
            LeakCheck.Run(root, $"{root}/data");
            Directory.GetFiles(root).ShouldBeEmpty("neither the socket nor the PID file stays");
        }
        finally { Directory.Delete(root, recursive: true); }
    }

    [Fact]
    public async Task Containers_of_the_daemon_before_run_on()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("WHARF_TEST_HOST") is { Length: > 0 }, "kills the daemon");
        await using var engine = new EngineFixture();
        await engine.InitializeAsync();
        (await engine.DockerAsync("run", "-d", "--name", "kept", "busybox", "sleep", "1000")).ShouldExit(0);
        var pid = (await engine.DockerAsync("inspect", "-f", "{{.State.Pid}}", "kept")).Text;
        await engine.KillDaemonAsync();
        var failed = new List<CommandResult>();
        foreach (var flags in (string[][])[["--bridge", "nosuch"], ["--registry", "192.0.2.250:5000"]])
            failed.Add(await CommandResult.RunAsync(Wharf, ["daemon", "-H", engine.Host, "--data-root", engine.DataRoot, "--exec-root", engine.ExecRoot, .. flags]));
        await engine.StartDaemonAsync();
        failed.ShouldAllBe(daemon => daemon.ExitCode == 1);
        (await engine.DockerAsync("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "kept")).Text.ShouldBe($"running {pid}");
        (await engine.DockerAsync("exec", "kept", "ip", "-4", "-o", "address", "show", "eth0")).ShouldExit(0).Out.ShouldContain("inet ");
        (await engine.DockerAsync("run", "--rm", "busybox", "ping", "-c", "1", (await engine.DockerAsync("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "kept")).Text)).ShouldExit(0);
    }
}
