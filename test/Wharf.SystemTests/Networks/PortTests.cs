using System.Diagnostics;
using System.Globalization;
using System.Net;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>Published ports, reached from wherever they are to be reached, and not from elsewhere.</summary>
public sealed class PortTests(EngineFixture engine)
{
    // Says who is connected: the client's address stands in the table of connections.
    private static readonly string[] Server = ["nc", "-ll", "-p", "80", "-e", "cat", "/proc/net/tcp", "/proc/net/tcp6"];

    private async Task<int> PortOfAsync(string container, string key = "80/tcp") => int.Parse((await engine.DockerAsync("port", container, key)).ShouldExit(0).Text.Split('\n')[0].Split(':')[^1], CultureInfo.InvariantCulture);
    private static string Hex(string address) => Convert.ToHexString([.. IPAddress.Parse(address).GetAddressBytes().Reverse()]);

    [Fact]
    public async Task A_port_is_reached_from_everywhere_and_a_remote_client_keeps_its_address()
    {
        await using var net = await Net.CreateAsync(engine);
        await using var remote = await RemoteHost.PlugInAsync();
        var server = await net.RunAsync(["-p", "80"], Server);
        int port = await PortOfAsync(server);
        (await remote.AnswerAsync(remote.HostAddress, port)).ShouldContain($"{Hex(remote.Address)}:");
        (await Ask.AnswerAsync("127.0.0.1", port)).ShouldContain(":0050 ");
        (await Ask.AnswerAsync(remote.HostAddress, port)).ShouldContain(":0050 ");
        (await Ask.AnswerAsync("::1", port)).ShouldContain(":0050 ");
        (await remote.AnswerAsync(remote.HostAddress6, port)).ShouldContain(":0050 ");
        var neighbour = await net.RunAsync([]);
        (await engine.DockerAsync([], "exec", "-i", neighbour, "nc", "-w", "10", remote.HostAddress, port.ToString())).Text.ShouldContain(":0050 ", customMessage: "a neighbour by the host's address");
        (await engine.DockerAsync([], "exec", "-i", server, "nc", "-w", "10", remote.HostAddress, port.ToString())).Text.ShouldContain(":0050 ", customMessage: "hairpin");
        await using var other = await Net.CreateAsync(engine);
        var stranger = await other.RunAsync([]);
        (await engine.DockerAsync([], "exec", "-i", stranger, "nc", "-w", "10", remote.HostAddress, port.ToString())).Text.ShouldContain(":0050 ", customMessage: "a container of another network by the host's address");
    }

    [Fact]
    public async Task What_is_not_published_is_not_reached_from_outside()
    {
        await using var net = await Net.CreateAsync(engine);
        await using var other = await Net.CreateAsync(engine);
        await using var remote = await RemoteHost.PlugInAsync();
        var server = await net.RunAsync([], Server);
        var address = await Look.AddressAsync(engine, server, net.Name);
        (await remote.AskAsync(address, 80)).ShouldBeEmpty("a remote that routes to the container itself");
        var stranger = await other.RunAsync([]);
        (await engine.DockerAsync([], "exec", "-i", stranger, "nc", "-w", "1", address, "80")).Text.ShouldBeEmpty("another network");
        var local = await net.RunAsync(["-p", "127.0.0.1::80"], Server);
        int port = await PortOfAsync(local);
        (await Ask.AnswerAsync("127.0.0.1", port)).ShouldContain(":0050 ");
        (await remote.AskAsync(remote.HostAddress, port)).ShouldBeEmpty("published on the loopback only");
        (await remote.RunAsync("ip", "route", "add", "127.0.0.0/8", "via", remote.HostAddress)).ExitCode.ShouldBeGreaterThanOrEqualTo(0);
        (await remote.AskAsync("127.0.0.1", port)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Datagrams_come_and_go_over_both_families()
    {
        await using var net = await Net.CreateAsync(engine);
        await using var remote = await RemoteHost.PlugInAsync();
        var server = await net.RunAsync(["-p", "9999/udp"]);
        int port = await PortOfAsync(server, "9999/udp");
        await using var dns = await DnsServer.StartAsync(engine, server, "9999");
        foreach (var address in new[] { "127.0.0.1", "::1", remote.HostAddress }) (await AskAsync([], address)).ShouldBe(DnsServer.Answer, address);
        foreach (var address in new[] { remote.HostAddress, remote.HostAddress6 }) (await AskAsync(["ip", "netns", "exec", remote.Name], address)).ShouldBe(DnsServer.Answer, "remote to " + address);

        async Task<string> AskAsync(string[] prefix, string address)
        {
            string[] line = [.. prefix, "dig", "@" + address, "-p", port.ToString(), "+short", "+tries=2", "+time=2", DnsServer.Name];
            return (await CommandResult.RunAsync(line[0], line[1..])).Text;
        }
    }

    [Fact]
    public async Task Associations_of_sctp_come_to_a_published_port()
    {
        await using var net = await Net.CreateAsync(engine);
        if (!Directory.Exists("/proc/net/sctp"))
        {
            // dockerd says the same at the end of other words.
            (await engine.DockerAsync("run", "--rm", "--network", net.Name, "-p", "9998/sctp", "busybox", "true")).ShouldExit(125).Error.ShouldContain("protocol not supported");
            Assert.Skip("the kernel has no sctp (see ./dev vm): refused, and no more can be asked");
        }
        await using var remote = await RemoteHost.PlugInAsync();
        var server = await net.RunAsync(["-p", "9998/sctp", "-p", "127.0.0.1:28490:9998/sctp"]);
        int port = int.Parse((await engine.DockerAsync("port", server, "9998/sctp")).ShouldExit(0).Text.Split('\n').First(line => line.StartsWith("0.0.0.0:", StringComparison.Ordinal)).Split(':')[^1], CultureInfo.InvariantCulture);
        using var listener = Process.Start("nsenter", ["-t", await Look.AtAsync(engine, server, "{{.State.Pid}}"), "-n", "socat", "SCTP-LISTEN:9998,fork", "EXEC:echo here"]);
        try
        {
            (await AskAsync(["ip", "netns", "exec", remote.Name], remote.HostAddress, port)).ShouldBe("here");
            (await AskAsync([], remote.HostAddress, port)).ShouldBe("here");
            (await AskAsync([], "127.0.0.1", 28490)).ShouldBe("here");
            (await AskAsync(["ip", "netns", "exec", remote.Name], remote.HostAddress, 28490, attempts: 1)).ShouldBeEmpty("published on the loopback alone");
            (await engine.DockerAsync("run", "--rm", "--network", net.Name, "-p", $"{port}:9998/sctp", "busybox", "true")).ShouldExit(125).Error.ShouldContain("port is already allocated");
        }
        finally
        {
            listener.Kill();
            await listener.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        static async Task<string> AskAsync(string[] prefix, string address, int port, int attempts = 20)
        {
            string[] line = [.. prefix, "timeout", "4", "socat", "-t", "3", "-", $"SCTP:{address}:{port},connect-timeout=3"];
            for (int attempt = 1; ; attempt++)
            {
                if ((await CommandResult.RunAsync(line[0], line[1..], stdin: [])).Text is var text && (text.Length > 0 || attempt == attempts)) return text;
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
        }
    }

    [Fact]
    public async Task A_network_with_IPv6_has_names_and_ports_of_it()
    {
        await using var net = await Net.CreateAsync(engine, "--ipv6", "--subnet", "fd14:77::/64");
        await using var remote = await RemoteHost.PlugInAsync();
        var server = await net.RunAsync(["--network-alias", "six", "-p", "80"], "nc", "-ll", "-p", "80", "-e", "cat", "/proc/net/tcp", "/proc/net/tcp6");
        var client = await net.RunAsync([]);
        var address = await Look.Address6Async(engine, server, net.Name);
        address.ShouldStartWith("fd14:77::");
        (await Look.DigAsync(engine, client, "six", "AAAA")).ShouldBe([address]);
        (await engine.DockerAsync("exec", client, "ping6", "-c", "1", "-W", "2", address)).ShouldExit(0);
        int port = await PortOfAsync(server);
        (await remote.AnswerAsync(remote.HostAddress6, port)).ShouldContain(":0050 ");
        (await remote.AnswerAsync(remote.HostAddress, port)).ShouldContain(":0050 ");
        (await remote.AskAsync(address, 80)).ShouldBeEmpty("a remote that routes to the container itself");
    }

    [Fact]
    public async Task Ranges_chosen_ports_and_all_exposed_ones()
    {
        await using var net = await Net.CreateAsync(engine);
        var ranged = await net.RunAsync(["-p", "28410-28412:80-82"], Server);
        (await PortOfAsync(ranged)).ShouldBe(28410);
        (await PortOfAsync(ranged, "82/tcp")).ShouldBe(28412);
        (await Ask.AnswerAsync("127.0.0.1", 28410)).ShouldContain(":0050 ");
        var first = await net.RunAsync(["-p", "28420-28422:80"], Server);
        var second = await net.RunAsync(["-p", "28420-28422:80"], Server);
        new[] { await PortOfAsync(first), await PortOfAsync(second) }.ShouldBeUnique();
        var all = await net.RunAsync(["-P", "--expose", "80", "--expose", "53/udp"], Server);
        (await Ask.AnswerAsync("127.0.0.1", await PortOfAsync(all))).ShouldContain(":0050 ");
        (await PortOfAsync(all, "53/udp")).ShouldBeGreaterThan(1023);
    }

    [Fact]
    public async Task A_range_is_stored_as_a_range()
    {
        await using var net = await Net.CreateAsync(engine);
        await using var remote = await RemoteHost.PlugInAsync();
        var server = await net.RunAsync(["-p", "29000-29099:29000-29099", "-p", "127.0.0.1:29200-29205:29200-29205"], "sh", "-c", "nc -ll -p 29000 -e echo first & nc -ll -p 29205 -e echo local & exec nc -ll -p 29099 -e echo last");
        (await Ask.AnswerAsync("127.0.0.1", 29000)).ShouldBe("first");
        (await remote.AnswerAsync(remote.HostAddress, 29099)).ShouldBe("last");
        (await Ask.AnswerAsync("127.0.0.1", 29205)).ShouldBe("local");
        (await remote.AskAsync(remote.HostAddress, 29205)).ShouldBeEmpty();
        if (!engine.IsWharf) return;
        var address = await Look.AddressAsync(engine, server, net.Name);
        (await RulesAsync()).Count(line => line.Contains("29000-29099", StringComparison.Ordinal)).ShouldBe(1);
        (await RulesAsync()).ShouldNotContain(line => line.Contains("29050", StringComparison.Ordinal));
        (await engine.DockerAsync("rm", "-f", server)).ShouldExit(0);
        (await RulesAsync()).ShouldNotContain(line => line.Contains(address, StringComparison.Ordinal) || line.Contains("29000", StringComparison.Ordinal));

        async Task<string[]> RulesAsync() => (await CommandResult.RunAsync("nft", ["list", "table", "inet", "wharf_" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(engine.DataRoot)))[..8]])).ShouldExit(0).Out.Split('\n');
    }

    [Fact]
    public async Task A_port_that_is_taken_is_told_at_the_start_and_nothing_is_left()
    {
        await using var net = await Net.CreateAsync(engine);
        await net.RunAsync(["-p", "28430:80"], Server);
        var loser = await engine.DockerAsync("run", "-d", "--name", net.Named("loser"), "--network", net.Name, "-p", "28431:81", "-p", "28430:80", "busybox", "sleep", "1000");
        try
        {
            loser.ShouldExit(125).Error.ShouldContain("Bind for 0.0.0.0:28430 failed: port is already allocated");
            await net.RunAsync(["-p", "28431:80"], Server);
            (await Ask.AnswerAsync("127.0.0.1", 28431)).ShouldContain(":0050 ");
        }
        finally { await engine.DockerAsync("rm", "-f", net.Named("loser")); }
    }

    [Fact]
    public async Task A_port_is_free_again_when_its_container_has_stopped_and_taken_when_it_starts()
    {
        await using var net = await Net.CreateAsync(engine);
        var server = await net.RunAsync(["-p", "28440:80"], Server);
        (await engine.DockerAsync("restart", "-t", "0", server)).ShouldExit(0);
        (await Ask.AnswerAsync("127.0.0.1", 28440)).ShouldContain(":0050 ");
        (await engine.DockerAsync("stop", "-t", "0", server)).ShouldExit(0);
        (await Ask.FromHostAsync("127.0.0.1", 28440)).ShouldBeEmpty();
        await net.RunAsync(["-p", "28440:80"], Server);
        (await engine.DockerAsync("start", server)).ExitCode.ShouldBe(1);
    }
}
