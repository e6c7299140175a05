using System.Security.Cryptography;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>Networks of daemons that were started with other options than the usual.</summary>
public sealed class DaemonOptionTests
{
    private static readonly string[] Server = ["nc", "-ll", "-p", "80", "-e", "echo", "here"];

    private static async Task<EngineFixture> StartAsync(params string[] options)
    {
        var engine = new EngineFixture();
        await engine.StartOwnAsync(options);
        await engine.EnsureImageAsync();
        return engine;
    }

    private static async Task<int> PortOfAsync(EngineFixture engine, string container) => int.Parse((await engine.DockerAsync("port", container, "80/tcp")).ShouldExit(0).Text.Split('\n')[0].Split(':')[^1], System.Globalization.CultureInfo.InvariantCulture);

    private static Task<CommandResult> HostAsync(string program, params string[] args) => CommandResult.RunAsync(program, args);

    /// <summary>What iptables does where there is no nftables: the same from outside, and nothing is left.</summary>
    [Theory]
    [InlineData("iptables")]
    [InlineData("iptables-legacy")]
    public async Task Rules_by_iptables_do_what_those_of_nftables_do(string backend)
    {
        // Its tables stay in the kernel of the machine once they have been used.
        Assert.SkipWhen(backend == "iptables-legacy" && Environment.GetEnvironmentVariable("WHARF_LEGACY_IPTABLES") != "1", "WHARF_LEGACY_IPTABLES=1 runs it");
        Assert.SkipUnless(File.Exists($"/usr/sbin/{backend}-restore"), $"{backend} is not installed");
        string tag;
        await using (var engine = await StartAsync("--firewall-backend", backend))
        {
            tag = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(engine.DataRoot)))[..8];
            await using var net = await Net.CreateAsync(engine);
            await using var other = await Net.CreateAsync(engine);
            await using var remote = await RemoteHost.PlugInAsync();
            var server = await net.RunAsync(["--network-alias", "web", "-p", "80", "-p", "127.0.0.1:28501-28510:28501-28510"], "nc", "-ll", "-p", "80", "-e", "cat", "/proc/net/tcp", "/proc/net/tcp6");
            int port = await PortOfAsync(engine, server);
            var client = Convert.ToHexString([.. System.Net.IPAddress.Parse(remote.Address).GetAddressBytes().Reverse()]);
            (await remote.AnswerAsync(remote.HostAddress, port)).ShouldContain(client + ":", customMessage: "a remote client keeps its address");
            (await Ask.AnswerAsync("127.0.0.1", port)).ShouldContain(":0050 ");
            (await Ask.AnswerAsync(remote.HostAddress, port)).ShouldContain(":0050 ");
            (await engine.DockerAsync([], "exec", "-i", server, "nc", "-w", "10", remote.HostAddress, port.ToString())).Text.ShouldContain(":0050 ", customMessage: "hairpin");
            var neighbour = await net.RunAsync([]);
            (await engine.DockerAsync([], "exec", "-i", neighbour, "nc", "-w", "10", "web", "80")).Text.ShouldContain(":0050 ", customMessage: "a neighbour by name");
            var address = await Look.AddressAsync(engine, server, net.Name);
            var stranger = await other.RunAsync([]);
            (await engine.DockerAsync([], "exec", "-i", stranger, "nc", "-w", "1", address, "80")).Text.ShouldBeEmpty("another network");
            (await remote.AskAsync(address, 80)).ShouldBeEmpty("a remote that routes to the container itself");
            (await engine.DockerAsync("exec", stranger, "ping", "-c", "1", "-W", "2", remote.Address)).ShouldExit(0);
            (await HostAsync($"{backend}-save", "-t", "nat")).ShouldExit(0).Out.Split('\n').Count(line => line.Contains("28501:28510", StringComparison.Ordinal)).ShouldBe(1, "a range is one rule");
            (await HostAsync(backend, "-F", $"WHARF-{tag}-FORWARD")).ShouldExit(0);
            for (int attempt = 0; attempt < 300 && !(await HostAsync($"{backend}-save", "-t", "filter")).Out.Contains($"-A WHARF-{tag}-FORWARD ", StringComparison.Ordinal); attempt++) await Task.Delay(100, TestContext.Current.CancellationToken);
            (await remote.AskAsync(address, 80)).ShouldBeEmpty("the rules are back");
        }
        (await HostAsync($"{backend}-save")).ShouldExit(0).Out.ShouldNotContain(tag);
    }

    [Fact]
    public async Task Without_a_firewall_ports_are_relayed()
    {
        await using var engine = await StartAsync("--iptables=false", "--userland-proxy=true");
        await using var net = await Net.CreateAsync(engine);
        await using var remote = await RemoteHost.PlugInAsync();
        var server = await net.RunAsync(["-p", "80"], Server);
        int port = await PortOfAsync(engine, server);
        (await Ask.AnswerAsync("127.0.0.1", port)).ShouldBe("here");
        (await remote.AnswerAsync(remote.HostAddress, port)).ShouldBe("here");
        (await HostAsync("nft", "list", "tables")).Out.ShouldNotContain(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(engine.DataRoot)))[..8]);
    }

    [Fact]
    public async Task Without_a_default_bridge_containers_have_their_loopback_alone()
    {
        await using var engine = await StartAsync("--bridge", "none");
        foreach (var options in (string[][])[[], ["--network", "bridge"], ["--add-host", "gate:10.0.0.1"]])
            (await engine.DockerAsync(["run", "--rm", .. options, "busybox", "ls", "/sys/class/net"])).ShouldExit(0).Text.ShouldBe("lo");
        (await engine.DockerAsync("network", "ls", "--format", "{{.Name}}")).ShouldExit(0).Text.Split('\n').Order().ShouldBe(["host", "none"]);
        await using var net = await Net.CreateAsync(engine);
        (await engine.DockerAsync("run", "--rm", "--network", net.Name, "busybox", "ls", "/sys/class/net")).ShouldExit(0).Text.Split('\n').ShouldBe(["eth0", "lo"]);
    }

    [Fact]
    public async Task The_default_network_may_be_a_bridge_of_the_operators()
    {
        const string Bridge = "wt-own0";
        (await HostAsync("ip", "link", "add", Bridge, "type", "bridge")).ShouldExit(0);
        try
        {
            (await HostAsync("ip", "address", "add", "10.219.7.9/24", "dev", Bridge)).ShouldExit(0);
            await using (var engine = await StartAsync("--bridge", Bridge, "--fixed-cidr", "10.219.7.128/25", "--default-gateway", "10.219.7.1"))
            {
                (await engine.DockerAsync("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")).ShouldExit(0).Text.ShouldBe("""[{"Subnet":"10.219.7.0/24","IPRange":"10.219.7.128/25","Gateway":"10.219.7.9","AuxiliaryAddresses":{"DefaultGatewayIPv4":"10.219.7.1"}}]""");
                (await engine.DockerAsync("run", "--rm", "busybox", "ip", "route")).ShouldExit(0).Out.ShouldContain("default via 10.219.7.1 ");
                (await engine.DockerAsync("run", "--rm", "busybox", "ping", "-c", "1", "-W", "2", "10.219.7.9")).ShouldExit(0);
                (await engine.DockerAsync("run", "--rm", "busybox", "ip", "-4", "address", "show", "eth0")).ShouldExit(0).Out.ShouldContain("inet 10.219.7.128/24");
            }
            (await HostAsync("ip", "-4", "address", "show", Bridge)).ShouldExit(0).Out.ShouldContain("10.219.7.9/24", customMessage: "it is the operator's still");
            var refused = await HostAsync(Path.Combine(EngineFixture.Binaries, "wharf"), "daemon", "--bridge", Bridge, "--bip", "10.1.0.1/24");
            refused.ShouldExit(1).Error.ShouldContain("You specified -b & --bip, mutually exclusive options");
        }
        finally { await HostAsync("ip", "link", "delete", Bridge); }
    }

    [Fact]
    public async Task A_range_alone_is_the_default_networks_subnet_and_direct_routes_are_open_when_asked()
    {
        await using var engine = await StartAsync("--fixed-cidr", "10.219.9.0/24", "--allow-direct-routing");
        (await engine.DockerAsync("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")).ShouldExit(0).Text.ShouldBe("""[{"Subnet":"10.219.9.0/24","IPRange":"10.219.9.0/24","Gateway":"10.219.9.1"}]""");
        await using var net = await Net.CreateAsync(engine);
        await using var remote = await RemoteHost.PlugInAsync();
        // Two host ports lead to one of the container's.
        var server = await net.RunAsync(["-p", "127.0.0.1::80", "-p", "127.0.0.1:28520:80"], Server);
        var address = await Look.AddressAsync(engine, server, net.Name);
        (await remote.AnswerAsync(address, 80)).ShouldBe("here");
        (await engine.DockerAsync("rm", "-f", server)).ShouldExit(0);
        (await HostAsync("nft", "list", "set", "inet", "wharf_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(engine.DataRoot)))[..8], "open4")).ShouldExit(0).Out.ShouldNotContain(address);
    }
}
