using System.Diagnostics;
using System.Net;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>Where packets of containers leave, under which address, and where those of a flow go.</summary>
public sealed class WayOutTests(EngineFixture engine)
{
    private async Task<string> RouteAsync(string container, string family) => (await Look.InNetworkOfAsync(engine, container, "ip", family, "route", "show", "default")).Text;

    [Fact]
    public async Task Each_family_leaves_by_a_network_that_has_it_and_both_by_one_that_has_both()
    {
        await using var both = await Net.CreateAsync(engine, "--ipv6", "--subnet", "10.215.4.0/24", "--subnet", "fd15:4::/64");
        await using var six = await Net.CreateAsync(engine, "--ipv4=false", "--ipv6", "--subnet", "fd15:3::/64");
        await using var four = await Net.CreateAsync(engine, "--subnet", "10.215.3.0/24");
        var container = await four.RunAsync(["--network", six.Name, "-p", "127.0.0.1::80", "-p", "[::1]::80"], "nc", "-ll", "-p", "80", "-e", "echo", "up");
        (await RouteAsync(container, "-4")).ShouldStartWith("default via 10.215.3.1 ");
        (await RouteAsync(container, "-6")).ShouldStartWith("default via fd15:3::1 ");
        await AnswersAsync();
        (await engine.DockerAsync("network", "connect", both.Name, container)).ShouldExit(0);
        (await RouteAsync(container, "-4")).ShouldStartWith("default via 10.215.4.1 ");
        (await RouteAsync(container, "-6")).ShouldStartWith("default via fd15:4::1 ");
        await AnswersAsync();
        (await engine.DockerAsync("network", "disconnect", both.Name, container)).ShouldExit(0);
        (await RouteAsync(container, "-4")).ShouldStartWith("default via 10.215.3.1 ");
        (await RouteAsync(container, "-6")).ShouldStartWith("default via fd15:3::1 ");
        await AnswersAsync();

        async Task AnswersAsync()
        {
            foreach (var line in (await engine.DockerAsync("port", container, "80/tcp")).ShouldExit(0).Text.Split('\n'))
            {
                int colon = line.LastIndexOf(':');
                (await Ask.AnswerAsync(line[..colon].Trim('[', ']'), int.Parse(line[(colon + 1)..]))).ShouldBe("up", line);
            }
        }
    }

    [Fact]
    public async Task Link_local_addresses_are_added()
    {
        await using var net = await Net.CreateAsync(engine, "--ipv6", "--subnet", "fd15:5::/64");
        var container = await net.RunAsync(["--link-local-ip", "169.254.8.8", "--link-local-ip", "fe80::77"]);
        var addresses = (await Look.InNetworkOfAsync(engine, container, "ip", "-o", "address", "show", "dev", "eth0")).Out;
        addresses.ShouldContain("169.254.8.8/16");
        addresses.ShouldContain("fe80::77/64");
    }

    [Fact]
    public async Task Packets_leave_under_the_host_address_that_is_asked_for()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        var (plain, chosen) = (remote.HostAddress, remote.HostAddress[..^1] + "77");
        await remote.AddHostAddressAsync(chosen);
        // Says who is connected.
        using var server = Process.Start("ip", ["netns", "exec", remote.Name, "busybox", "nc", "-ll", "-p", "9000", "-e", "cat", "/proc/net/tcp", "/proc/net/tcp6"]);
        try
        {
            await using var usual = await Net.CreateAsync(engine);
            await using var asked = await Net.CreateAsync(engine, "-o", $"com.docker.network.host_ipv4={chosen}");
            (await FromAsync(usual)).ShouldContain($"{Hex(plain)}:");
            var seen = await FromAsync(asked);
            seen.ShouldContain($"{Hex(chosen)}:");
            seen.ShouldNotContain($"{Hex(plain)}:");
        }
        finally
        {
            server.Kill();
            await server.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        async Task<string> FromAsync(Net net)
        {
            var client = await net.RunAsync([]);
            var pid = await Look.AtAsync(engine, client, "{{.State.Pid}}");
            // Connections of others that are still remembered (06: TIME_WAIT) are of no interest.
            var lines = (await Ask.AnswerAsync(["nsenter", "-t", pid, "-n"], remote.Address, 9000)).Split('\n');
            return string.Join('\n', lines.Where(line => line.Contains(":2328 ", StringComparison.Ordinal) && !line.Contains(" 06 ", StringComparison.Ordinal)));
        }
    }

    private static string Hex(string address) => Convert.ToHexString([.. IPAddress.Parse(address).GetAddressBytes().Reverse()]);

    [Fact]
    public async Task A_client_that_goes_on_sending_reaches_the_port_s_next_container()
    {
        await using var net = await Net.CreateAsync(engine, "--subnet", "10.215.6.0/24");
        var first = await net.RunAsync(["--ip", "10.215.6.10", "-p", "127.0.0.1:28470:9999/udp"]);
        await using (await DnsServer.StartAsync(engine, first, "9999")) (await AskAsync()).ShouldBe(DnsServer.Answer);
        (await engine.DockerAsync("rm", "-f", first)).ShouldExit(0);
        (await AskAsync()).ShouldNotBe(DnsServer.Answer);
        var second = await net.RunAsync(["--ip", "10.215.6.20", "-p", "127.0.0.1:28470:9999/udp"]);
        await using (await DnsServer.StartAsync(engine, second, "9999")) (await AskAsync()).ShouldBe(DnsServer.Answer);

        // Always from the same port: to the kernel it is one flow.
        async Task<string> AskAsync() => (await CommandResult.RunAsync("dig", ["-b", "127.0.0.1#28471", "@127.0.0.1", "-p", "28470", "+short", "+tries=2", "+time=3", DnsServer.Name])).Text;
    }
}
