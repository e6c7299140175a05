using System.Security.Cryptography;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>Networks and addresses of plugins (docker's protocols of remote drivers).</summary>
public sealed class NetworkPluginTests(EngineFixture engine) : IDisposable
{
    private readonly FakeNetworkPlugin _plugin = new("wtn" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3)), $"10.212.{RandomNumberGenerator.GetInt32(256)}");

    public void Dispose() => _plugin.Dispose();

    private void OnlyHere() => Assert.SkipUnless(engine.IsWharf, "the peer may look for plugins in directories of its own");

    [Fact]
    public async Task Addresses_of_a_bridge_come_from_an_ipam_plugin_and_go_back_to_it()
    {
        OnlyHere();
        await using (var net = await Net.CreateAsync(engine, "--ipam-driver", _plugin.Name, "--ipam-opt", "colour=red"))
        {
            _plugin.Calls.ShouldContain(call => call.StartsWith("/IpamDriver.RequestPool", StringComparison.Ordinal) && call.Contains("\"colour\":\"red\"") && call.Contains("\"AddressSpace\":\"here\""));
            var inspected = (await engine.DockerAsync("network", "inspect", net.Name, "--format", "{{.IPAM.Driver}} {{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}")).ShouldExit(0).Text;
            var subnet = inspected.Split(' ')[1];
            inspected.ShouldBe($"{_plugin.Name} {subnet} {subnet.Replace(".0/24", ".1")}");
            var server = await net.RunAsync([], "nc", "-ll", "-p", "80", "-e", "echo", "here");
            var address = await Look.AddressAsync(engine, server, net.Name);
            address.ShouldBe(subnet.Replace(".0/24", ".11"));
            var mac = await Look.AtAsync(engine, server, $"{{{{(index .NetworkSettings.Networks \"{net.Name}\").MacAddress}}}}");
            _plugin.Calls.ShouldContain(call => call.StartsWith("/IpamDriver.RequestAddress", StringComparison.Ordinal) && call.Contains($"\"com.docker.network.endpoint.macaddress\":\"{mac}\""));
            var neighbour = await net.RunAsync([]);
            (await engine.DockerAsync([], "exec", "-i", neighbour, "nc", "-w", "10", server[..12], "80")).Text.ShouldBe("here");
            (await engine.DockerAsync("rm", "-f", server)).ShouldExit(0);
            _plugin.Calls.ShouldContain(call => call.StartsWith("/IpamDriver.ReleaseAddress", StringComparison.Ordinal) && call.Contains($"\"{address}\""));
        }
        _plugin.Methods.Count(method => method == "ReleasePool").ShouldBe(1);
        _plugin.Methods.Count(method => method == "RequestAddress").ShouldBe(_plugin.Methods.Count(method => method == "ReleaseAddress"), string.Join('\n', _plugin.Calls));
    }

    [Fact]
    public async Task A_network_driver_gives_containers_its_interfaces_and_gets_them_back()
    {
        OnlyHere();
        await using (var net = await Net.CreateAsync(engine, "-d", _plugin.Name, "--ipam-driver", _plugin.Name, "-o", "speed=high"))
        {
            _plugin.Calls.ShouldContain(call => call.StartsWith("/NetworkDriver.CreateNetwork", StringComparison.Ordinal) && call.Contains("\"com.docker.network.generic\":{\"speed\":\"high\"}"));
            (await engine.DockerAsync("info", "--format", "{{.Plugins.Network}}")).Text.ShouldContain(_plugin.Name);
            var container = await net.RunAsync(["-p", "127.0.0.1:18099:80"]);
            _plugin.Calls.ShouldContain(call => call.StartsWith("/NetworkDriver.CreateEndpoint", StringComparison.Ordinal) && call.Contains("\"HostPort\":18099"));
            var address = await Look.AddressAsync(engine, container, net.Name);
            (await engine.DockerAsync("exec", container, "ip", "-4", "addr", "show", "plug0")).ShouldExit(0).Out.ShouldContain($"inet {address}/24");
            var routes = (await engine.DockerAsync("exec", container, "ip", "route")).Out;
            var gateway = address[..address.LastIndexOf('.')] + ".1";
            routes.ShouldContain($"default via {gateway} dev plug0");
            routes.ShouldContain($"10.213.0.0/16 via {gateway[..^1]}2 dev plug0");
            routes.ShouldContain("10.214.0.0/16 dev plug0 scope link");
            (await engine.DockerAsync("network", "disconnect", net.Name, container)).ShouldExit(0);
            (await engine.DockerAsync("exec", container, "ip", "link", "show", "plug0")).ExitCode.ShouldNotBe(0);
            (await engine.DockerAsync("network", "connect", net.Name, container)).ShouldExit(0);
            (await engine.DockerAsync("exec", container, "ip", "link", "show", "plug0")).ShouldExit(0);
            (await engine.DockerAsync("rm", "-f", container)).ShouldExit(0);
        }
        var methods = _plugin.Methods.ToList();
        foreach (var (made, gone) in (ReadOnlySpan<(string, string)>)[("CreateEndpoint", "DeleteEndpoint"), ("Join", "Leave"), ("ProgramExternalConnectivity", "RevokeExternalConnectivity"), ("CreateNetwork", "DeleteNetwork"), ("RequestPool", "ReleasePool"), ("RequestAddress", "ReleaseAddress")])
            methods.Count(method => method == made).ShouldBe(methods.Count(method => method == gone), $"{made} and {gone}: {string.Join(' ', methods)}");
    }

    /// <summary>As docker 28.5 asks: the same calls in the same order were seen of it.</summary>
    [Fact]
    public async Task An_ipam_plugin_that_forgets_is_asked_for_the_same_again_when_the_daemon_starts()
    {
        OnlyHere();
        await using var net = await Net.CreateAsync(engine, "--ipam-driver", _plugin.Name, "--ipam-opt", "colour=red");
        var container = await net.RunAsync([]);
        var (address, mac) = (await Look.AddressAsync(engine, container, net.Name), await Look.AtAsync(engine, container, $"{{{{(index .NetworkSettings.Networks \"{net.Name}\").MacAddress}}}}"));
        var subnet = address[..address.LastIndexOf('.')];
        int before = _plugin.Calls.Count;
        await engine.KillDaemonAsync();
        await engine.StartDaemonAsync();
        var calls = _plugin.Calls.Skip(before).Where(call => call.StartsWith("/IpamDriver.Request", StringComparison.Ordinal)).ToList();
        calls.Count.ShouldBe(3, string.Join('\n', calls));
        calls[0].ShouldStartWith("/IpamDriver.RequestPool ");
        calls[0].ShouldContain($"\"Pool\":\"{subnet}.0/24\"");
        calls[0].ShouldContain("\"colour\":\"red\"");
        calls[1].ShouldContain($"\"Address\":\"{subnet}.1\",\"Options\":{{\"RequestAddressType\":\"com.docker.network.gateway\"}}");
        calls[2].ShouldContain($"\"Address\":\"{address}\"");
        calls[2].ShouldContain(mac);
        (await engine.DockerAsync("exec", container, "ping", "-c", "1", "-W", "4", subnet + ".1")).ShouldExit(0);
    }

    [Fact]
    public async Task An_ipam_plugin_that_hangs_does_not_keep_the_daemon_from_starting()
    {
        OnlyHere();
        await using var net = await Net.CreateAsync(engine, "--ipam-driver", _plugin.Name);
        await engine.KillDaemonAsync();
        _plugin.Hangs = "RequestPool";
        var start = System.Diagnostics.Stopwatch.StartNew();
        try { await engine.StartDaemonAsync(); }
        finally { _plugin.Hangs = ""; }
        start.Elapsed.ShouldBeInRange(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(60), "it is waited for, but not for ever");
        _plugin.Methods.Last().ShouldBe("RequestPool");
        await net.RunAsync([]);
    }

    [Theory]
    [InlineData("RequestPool", "remote: not today")]
    [InlineData("RequestAddress", "failed to allocate gateway (): remote: not today")]
    [InlineData("CreateNetwork", "remote: not today")]
    public async Task A_plugin_that_refuses_a_network_is_quoted_and_nothing_is_left(string method, string words)
    {
        OnlyHere();
        _plugin.Refuses = method;
        var name = "wt-" + _plugin.Name;
        (await engine.DockerAsync("network", "create", "-d", _plugin.Name, "--ipam-driver", _plugin.Name, name)).ShouldExit(1).Error.ShouldContain(words);
        (await engine.DockerAsync("network", "inspect", name)).ExitCode.ShouldBe(1);
        _plugin.Methods.Count(made => made == "ReleasePool").ShouldBe(method == "RequestPool" ? 0 : 1);
    }

    [Theory]
    [InlineData("CreateEndpoint")]
    [InlineData("Join")]
    [InlineData("ProgramExternalConnectivity")]
    public async Task A_plugin_that_refuses_an_endpoint_is_quoted_and_nothing_is_left(string method)
    {
        OnlyHere();
        await using var net = await Net.CreateAsync(engine, "-d", _plugin.Name, "--ipam-driver", _plugin.Name);
        _plugin.Refuses = method;
        (await engine.DockerAsync("run", "--rm", "--network", net.Name, "busybox", "true")).ShouldExit(125).Error.ShouldContain("failed to set up container networking: remote: not today");
        _plugin.Methods.Count(made => made == "ReleaseAddress").ShouldBe(1);
        _plugin.Methods.Count(made => made == "DeleteEndpoint").ShouldBe(method == "CreateEndpoint" ? 0 : 1);
        _plugin.Refuses = "";
        (await engine.DockerAsync("run", "--rm", "--network", net.Name, "busybox", "true")).ShouldExit(0);
    }

    [Theory]
    [InlineData("-d")]
    [InlineData("--ipam-driver")]
    public async Task A_plugin_that_is_not_there_is_not_found(string option) =>
        (await engine.DockerAsync("network", "create", option, "wt-nosuchplugin", "wt-none")).ShouldExit(1).Error.ShouldContain("plugin \"wt-nosuchplugin\" not found");
}
