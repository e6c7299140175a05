using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Transports;

/// <summary>The ways to the API beside the unix socket, with the real docker client.</summary>
public sealed class TransportTests
{
    private static int FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }

    private static Task<CommandResult> DockerAsync(string root, int port, string who, byte[]? stdin, params string[] args) => CommandResult.RunAsync("docker",
        ["--tlsverify", "--tlscacert", $"{root}/ca.pem", "--tlscert", $"{root}/{who}.pem", "--tlskey", $"{root}/{who}-key.pem", "-H", $"tcp://127.0.0.1:{port}", .. args], stdin);

    [Fact]
    public async Task Tls_lets_in_who_has_a_certificate_of_the_authority_and_streams_both_ways()
    {
        int port = FreePort();
        await using var daemon = await OwnDaemon.StartAsync(root =>
        {
            Certificates.Write(root);
            return ["-H", $"unix://{root}/w.sock", "-H", $"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", $"{root}/ca.pem", "--tlscert", $"{root}/server.pem", "--tlskey", $"{root}/server-key.pem"];
        });
        await daemon.ImportBusyboxAsync();
        var input = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 100_000).Select(number => number.ToString(CultureInfo.InvariantCulture) + "\n")));
        // cat ends when the client half-closes, and all must have come back by then.
        (await DockerAsync(daemon.Root, port, "alice", input, "run", "--rm", "-i", "busybox", "cat")).ShouldExit(0).Out.ShouldBe(Encoding.ASCII.GetString(input));
        (await DockerAsync(daemon.Root, port, "stranger", null, "version")).ExitCode.ShouldNotBe(0);
        (await CommandResult.RunAsync("curl", ["-sk", $"https://127.0.0.1:{port}/_ping"])).ExitCode.ShouldNotBe(0, "no certificate at all");
        var wharf = await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["--tlsverify", "--tlscacert", $"{daemon.Root}/ca.pem", "--tlscert", $"{daemon.Root}/alice.pem", "--tlskey", $"{daemon.Root}/alice-key.pem",
            "-H", $"tcp://127.0.0.1:{port}", "run", "--rm", "-i", "busybox", "cat"], "by wharf"u8.ToArray());
        wharf.ShouldExit(0).Out.ShouldBe("by wharf");
    }

    [Fact]
    public async Task Plain_tcp_needs_to_be_asked_for_and_warns()
    {
        int port = FreePort();
        var refused = await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["daemon", "-H", $"tcp://127.0.0.1:{port}", "--data-root", "/tmp/wharf-never", "--exec-root", "/tmp/wharf-never-run"]);
        refused.ShouldExit(1).Error.ShouldContain("without TLS lets anyone who reaches it take over this machine");
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "-H", $"tcp://127.0.0.1:{port}", "--tls=false"]);
        daemon.Log.ShouldContain("WITHOUT ENCRYPTION AND AUTHENTICATION");
        (await CommandResult.RunAsync("docker", ["-H", $"tcp://127.0.0.1:{port}", "version", "--format", "{{.Server.Os}}"])).ShouldExit(0).Text.ShouldBe("linux");
    }

    [Fact]
    public async Task A_socket_that_systemd_opened_is_served()
    {
        await using var daemon = await OwnDaemon.StartAsync(_ => ["-H", "fd://"], root => ["systemd-socket-activate", "-l", $"{root}/w.sock"]);
        (await CommandResult.RunAsync("docker", ["-H", $"unix://{daemon.Socket}", "version", "--format", "{{.Server.Os}}"])).ShouldExit(0).Text.ShouldBe("linux");
    }

    [Fact]
    public async Task Dial_stdio_is_a_connection_to_the_daemon()
    {
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock"]);
        var request = "GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"u8.ToArray();
        (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["-H", $"unix://{daemon.Socket}", "system", "dial-stdio"], request)).ShouldExit(0).Out.ShouldEndWith("OK");
    }

    [Fact]
    public async Task Metrics_count_requests_and_nothing_else_is_served_there()
    {
        int port = FreePort();
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--metrics-addr", $"127.0.0.1:{port}"]);
        (await CommandResult.RunAsync("docker", ["-H", $"unix://{daemon.Socket}", "ps"])).ShouldExit(0);
        var page = (await CommandResult.RunAsync("curl", ["-sS", $"http://127.0.0.1:{port}/metrics"])).ShouldExit(0).Out;
        page.ShouldContain("engine_daemon_http_requests_total{method=\"GET\",code=\"200\"} 1\n");
        page.ShouldContain("engine_daemon_container_states_containers{state=\"running\"} 0\n");
        (await CommandResult.RunAsync("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", $"http://127.0.0.1:{port}/info"])).Text.ShouldBe("404");
    }

    [Fact]
    public async Task Metrics_tell_what_each_running_container_uses()
    {
        int port = FreePort();
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--metrics-addr", $"127.0.0.1:{port}"]);
        await daemon.ImportBusyboxAsync();
        Task<CommandResult> DockerAsync(params string[] args) => CommandResult.RunAsync("docker", ["-H", $"unix://{daemon.Socket}", .. args]);
        async Task<string> PageAsync() => (await CommandResult.RunAsync("curl", ["-sS", $"http://127.0.0.1:{port}/metrics"])).ShouldExit(0).Out;
        var id = (await DockerAsync("run", "-d", "--name", "measured", "-m", "64m", "busybox", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; sleep 600")).ShouldExit(0).Text;
        await DockerAsync("run", "--name", "over", "busybox", "true");
        while (!(await DockerAsync("logs", "measured")).Out.Contains("done", StringComparison.Ordinal)) await Task.Delay(50, TestContext.Current.CancellationToken);
        var page = await PageAsync();
        var labels = $"id=\"{id}\",image=\"busybox\",name=\"measured\"";
        Value(page, "container_cpu_usage_seconds_total", labels).ShouldBeGreaterThan(0);
        Value(page, "container_memory_usage_bytes", labels).ShouldBeInRange(1, 64 << 20);
        Value(page, "container_spec_memory_limit_bytes", labels).ShouldBe(64 << 20);
        Value(page, "container_processes", labels).ShouldBeInRange(1, 2);
        Value(page, "container_network_receive_bytes_total", $"{labels},interface=\"eth0\"").ShouldBeGreaterThanOrEqualTo(0);
        page.ShouldNotContain("name=\"over\"");
        (await DockerAsync("rm", "-f", "measured", "over")).ShouldExit(0);
        (await PageAsync()).ShouldNotContain("measured");
    }

    private static double Value(string page, string name, string labels)
    {
        var line = page.Split('\n').Single(line => line.StartsWith($"{name}{{{labels}}} ", StringComparison.Ordinal));
        return double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }
}
