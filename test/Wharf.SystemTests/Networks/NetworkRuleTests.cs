using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>Who may talk to whom, and what is refused with which words.</summary>
public sealed class NetworkRuleTests(EngineFixture engine)
{
    private async Task<bool> ReachesAsync(string from, string address) => (await engine.DockerAsync("exec", from, "ping", "-c", "1", "-W", "1", address)).ExitCode == 0;

    [Fact]
    public async Task Neighbours_talk_unless_they_are_kept_apart()
    {
        await using var open = await Net.CreateAsync(engine);
        await using var closed = await Net.CreateAsync(engine, "-o", "com.docker.network.bridge.enable_icc=false");
        var (one, two) = (await open.RunAsync([]), await open.RunAsync([]));
        (await ReachesAsync(one, await Look.AddressAsync(engine, two, open.Name))).ShouldBeTrue();
        var (three, four) = (await closed.RunAsync([]), await closed.RunAsync([]));
        (await ReachesAsync(three, await Look.AddressAsync(engine, four, closed.Name))).ShouldBeFalse("icc is off");
        (await ReachesAsync(one, await Look.AddressAsync(engine, three, closed.Name))).ShouldBeFalse("another network");
    }

    [Fact]
    public async Task An_internal_network_has_no_way_out()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await using var net = await Net.CreateAsync(engine);
        await using var inner = await Net.CreateAsync(engine, "--internal");
        (await ReachesAsync(await net.RunAsync([]), remote.Address)).ShouldBeTrue();
        var inside = await inner.RunAsync(["-p", "80"]);
        (await ReachesAsync(inside, remote.Address)).ShouldBeFalse();
        (await Look.AtAsync(engine, inside, "{{json .NetworkSettings.Ports}}")).ShouldBe("{}");
    }

    [Fact]
    public async Task A_routed_network_is_reached_at_its_own_addresses_by_published_ports_only()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await using var net = await Net.CreateAsync(engine, "-o", "com.docker.network.bridge.gateway_mode_ipv4=routed");
        var server = await net.RunAsync(["-p", "80"], "sh", "-c", "nc -ll -p 81 -e echo closed & exec nc -ll -p 80 -e cat /proc/net/tcp /proc/net/tcp6");
        var address = await Look.AddressAsync(engine, server, net.Name);
        (await remote.AnswerAsync(address, 80)).ShouldContain(":0050 ");
        (await remote.AskAsync(address, 81)).ShouldBeEmpty();
        (await remote.RunAsync("busybox", "ping", "-c", "1", "-W", "1", address)).ShouldExit(0);
    }

    [Fact]
    public async Task Addresses_priorities_and_interface_names_as_asked()
    {
        await using var first = await Net.CreateAsync(engine, "--subnet", "10.215.1.0/24", "--ip-range", "10.215.1.128/25", "--gateway", "10.215.1.254", "--aux-address", "printer=10.215.1.129");
        await using var second = await Net.CreateAsync(engine, "--subnet", "10.215.2.0/24");
        var container = await second.RunDetachedAsync(["--network", $"name={first.Name},ip=10.215.1.200,mac-address=02:42:0a:d7:01:c8,driver-opt=com.docker.network.endpoint.ifname=front0", "--network", $"name={second.Name},gw-priority=1,driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1"]);
        var links = (await engine.DockerAsync("exec", container, "ip", "address")).Out;
        links.ShouldContain("10.215.1.200/24");
        links.ShouldContain("02:42:0a:d7:01:c8");
        links.ShouldContain("front0");
        (await engine.DockerAsync("exec", container, "ip", "route")).Out.ShouldContain("default via 10.215.2.1");
        (await engine.DockerAsync("exec", container, "sh", "-c", "cat /proc/sys/net/ipv4/conf/eth*/log_martians")).Out.ShouldContain("1");
        (await Look.AddressAsync(engine, await first.RunAsync([]), first.Name)).ShouldBe("10.215.1.128");
        (await Look.AddressAsync(engine, await first.RunAsync([]), first.Name)).ShouldBe("10.215.1.130", "129 is the printer's");
        (await engine.DockerAsync("run", "--rm", "--network", first.Name, "--ip", "10.215.1.200", "busybox", "true")).ShouldExit(125).Error.ShouldContain("Address already in use");
    }

    [Theory]
    [InlineData("false", "10.215.8.1/24")]
    [InlineData("true", "")]
    public async Task A_bridge_that_was_there_gets_the_gateways_address_unless_that_is_inhibited(string inhibit, string address)
    {
        const string Bridge = "wt-foreign0";
        (await CommandResult.RunAsync("ip", ["link", "add", Bridge, "type", "bridge"])).ShouldExit(0);
        try
        {
            await using var net = await Net.CreateAsync(engine, "--subnet", "10.215.8.0/24", "-o", "com.docker.network.bridge.name=" + Bridge, "-o", "com.docker.network.bridge.inhibit_ipv4=" + inhibit);
            (await CommandResult.RunAsync("ip", ["-4", "-o", "address", "show", Bridge])).ShouldExit(0).Out.Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault(word => word.Contains('/'), "").ShouldBe(address);
            (await engine.DockerAsync("run", "--rm", "--network", net.Name, "busybox", "ip", "route")).ShouldExit(0).Out.ShouldContain("default via 10.215.8.1 dev eth0");
        }
        finally { await CommandResult.RunAsync("ip", ["link", "delete", Bridge]); }
    }

    [Fact]
    public async Task How_many_addresses_are_taken_and_free_is_told()
    {
        Assert.SkipUnless(engine.IsWharf, "docker tells it from API 1.52 on");
        await using var net = await Net.CreateAsync(engine, "--subnet", "10.215.7.0/24", "--ip-range", "10.215.7.128/29", "--aux-address", "printer=10.215.7.129", "--ipv6", "--subnet", "fd15:7::/64");
        await net.RunAsync([]);
        // The net's own address, the gateway, the printer, the container, the broadcast address; of the range's eight the gateway (the first), the printer and the container.
        (await StatusAsync()).ShouldBe("""{"IPAM":{"Subnets":{"10.215.7.0/24":{"IPsInUse":5,"DynamicIPsAvailable":5},"fd15:7::/64":{"IPsInUse":3,"DynamicIPsAvailable":18446744073709551613}}}}""");
        await net.RunAsync(["--ip", "10.215.7.9"]);
        (await StatusAsync()).ShouldContain("\"10.215.7.0/24\":{\"IPsInUse\":6,\"DynamicIPsAvailable\":5}", customMessage: "outside the range");
        async Task<string> StatusAsync()
        {
            using var api = new EngineApi(engine.SocketPath);
            return (await api.GetAsync($"/networks/{net.Name}?status=1")).Json["Status"]!.ToJsonString();
        }
    }

    [Fact]
    public async Task The_transmit_queue_is_as_long_as_asked()
    {
        Assert.SkipUnless(engine.IsWharf, "Wharf's own option");
        await using var net = await Net.CreateAsync(engine, "-o", "wharf.txqueuelen=250");
        (await LengthAsync([])).ShouldBe("250");
        (await LengthAsync(["--network", $"name={net.Name},driver-opt=wharf.txqueuelen=64"])).ShouldBe("64", "an endpoint's own");
        (await engine.DockerAsync("network", "create", "-o", "wharf.txqueuelen=-1", "wt-refused")).ShouldExit(1).Error.ShouldContain("invalid value \"-1\" of wharf.txqueuelen");
        (await engine.DockerAsync("run", "--rm", "--network", $"name={net.Name},driver-opt=wharf.txqueuelen=x", "busybox", "true")).ShouldExit(125).Error.ShouldContain("invalid value \"x\" of wharf.txqueuelen");

        async Task<string> LengthAsync(string[] options) => (await engine.DockerAsync(["run", "--rm", .. options.Length > 0 ? options : ["--network", net.Name], "busybox", "cat", "/sys/class/net/eth0/tx_queue_len"])).ShouldExit(0).Text;
    }

    [Fact]
    public async Task Nothing_is_on_a_network_that_only_lends_its_settings()
    {
        await using var lender = await Net.CreateAsync(engine, "--config-only", "--subnet", "10.215.9.0/24");
        await using var net = await Net.CreateAsync(engine);
        var container = await net.RunAsync([]);
        (await engine.DockerAsync("network", "connect", lender.Name, container)).ShouldExit(1).Error.ShouldContain("cannot create endpoint on configuration-only network");
        (await engine.DockerAsync("network", "create", "--config-from", lender.Name, "-o", "a=b", "wt-refused")).ShouldExit(1).Error.ShouldContain("network driver options are not supported if the network depends on a configuration network");
    }

    [Fact]
    public async Task Modes_host_none_and_container()
    {
        await using var net = await Net.CreateAsync(engine);
        var owner = await net.RunAsync([]);
        (await engine.DockerAsync("run", "--rm", "--network", $"container:{owner}", "busybox", "ip", "-4", "address", "show", "eth0")).ShouldExit(0).Out.ShouldContain(await Look.AddressAsync(engine, owner, net.Name));
        (await engine.DockerAsync("run", "--rm", "--network", "none", "busybox", "ls", "/sys/class/net")).ShouldExit(0).Text.ShouldBe("lo");
        (await engine.DockerAsync("run", "--rm", "--network", "host", "busybox", "ls", "/sys/class/net")).ShouldExit(0).Text.Split('\n').ShouldContain("eth0");
        (await engine.DockerAsync("network", "connect", "host", owner)).ShouldExit(1).Error.ShouldContain("cannot connect container to host network");
    }

    [Fact]
    public async Task Files_under_etc_say_what_was_asked()
    {
        await using var net = await Net.CreateAsync(engine);
        var container = await net.RunAsync(["--hostname", "web", "--domainname", "example.org", "--add-host", "db:10.9.9.9", "--add-host", "gate:host-gateway", "--dns-search", "corp.example", "--dns-opt", "ndots:2"]);
        var hosts = (await engine.DockerAsync("exec", container, "cat", "/etc/hosts")).Out;
        hosts.ShouldContain("10.9.9.9\tdb\n");
        hosts.ShouldMatch(@"\d+\.\d+\.\d+\.\d+\tgate\n");
        hosts.ShouldContain($"{await Look.AddressAsync(engine, container, net.Name)}\tweb.example.org web\n");
        var resolver = (await engine.DockerAsync("exec", container, "cat", "/etc/resolv.conf")).Out;
        resolver.ShouldContain("search corp.example\noptions ndots:2\n");
        (await engine.DockerAsync("exec", container, "cat", "/etc/hostname")).Text.ShouldBe("web");
    }

    [Theory]
    [InlineData("Pool overlaps with other one on this address space", "--subnet", "10.216.0.0/16")]
    [InlineData("it should be 10.217.0.0/24", "--subnet", "10.217.0.9/24")]
    [InlineData("Address already in use", "--subnet", "10.217.0.0/24", "--gateway", "10.217.0.255")]
    [InlineData("* invalid ip-range 10.217.1.0/16: CIDR block is bigger than its parent subnet 10.217.1.0/24", "--subnet", "10.217.1.0/24", "--ip-range", "10.217.1.0/16")]
    [InlineData("plugin \"nosuch\" not found", "--driver", "nosuch")]
    [InlineData("unknown gateway mode bogus", "-o", "com.docker.network.bridge.gateway_mode_ipv4=bogus")]
    [InlineData("gateway mode 'isolated' can only be used for an internal network", "-o", "com.docker.network.bridge.gateway_mode_ipv4=isolated")]
    [InlineData("existing interface lo is not a bridge", "-o", "com.docker.network.bridge.name=lo")]
    public async Task What_cannot_be_is_refused_and_not_half_made(string words, params string[] options)
    {
        await using var taken = await Net.CreateAsync(engine, "--subnet", "10.216.5.0/24");
        (await engine.DockerAsync(["network", "create", .. options, "wt-refused"])).ShouldExit(1).Error.ShouldContain(words);
        (await engine.DockerAsync("network", "inspect", "wt-refused")).ExitCode.ShouldBe(1);
    }

    [Fact]
    public async Task Who_reaches_a_port_is_told_in_words()
    {
        Assert.SkipUnless(engine.IsWharf, "Wharf's own verb");
        await using var net = await Net.CreateAsync(engine);
        var server = await net.RunAsync(["-p", "28470:80", "-p", "127.0.0.1:28471:81"], "nc", "-ll", "-p", "80", "-e", "echo", "x");
        await net.RunAsync(["--name", net.Named("neighbour")]);
        var port = (await engine.WharfAsync("network", "explain", server, "80")).ShouldExit(0).Out;
        port.ShouldContain("something listens on 80/tcp");
        port.ShouldContain("Port 80/tcp is published on 0.0.0.0:28470");
        port.ShouldContain(net.Named("neighbour"));
        (await engine.WharfAsync("network", "explain", server, "81/tcp")).ShouldExit(0).Out.ShouldMatch("(?s)Nothing in the container listens on 81/tcp.*127.0.0.1:28471: this host alone");
        (await engine.WharfAsync("network", "explain", server, "82")).ShouldExit(0).Out.ShouldContain("Port 82/tcp is not published");
        (await engine.WharfAsync("network", "explain", server, "nonsense")).ShouldExit(1).Error.ShouldContain("invalid port");
    }

    [Theory]
    [InlineData("bridge")]
    [InlineData("none")]
    public async Task An_address_of_the_users_is_for_networks_of_the_users(string network) =>
        (await engine.DockerAsync("run", "--rm", "--network", network, "--ip", "1.2.3.4", "busybox", "true")).ShouldExit(125).Error.ShouldContain("invalid endpoint settings:\n* user specified IP address is supported on user defined networks only\n* user specified IP address is supported only when connecting to networks with user configured subnets\n");

    [Fact]
    public async Task A_network_in_use_stays()
    {
        await using var net = await Net.CreateAsync(engine);
        var user = await net.RunAsync(["--name", net.Named("user")]);
        (await engine.DockerAsync("network", "rm", net.Name)).ShouldExit(1).Error.ShouldContain($"network {net.Name} has active endpoints (name:\"{net.Named("user")}\"");
        await net.RunAsync(["--name", net.Named("another")]);
        var both = (await engine.DockerAsync("network", "rm", net.Name)).ShouldExit(1).Error;
        both.ShouldMatch("active endpoints \\(name:\"[a-z0-9-]+\" id:\"[0-9a-f]{12}\", name:\"[a-z0-9-]+\" id:\"[0-9a-f]{12}\"\\)");
        foreach (var name in (string[])["another", "user"]) both.ShouldContain($"name:\"{net.Named(name)}\"");
        (await engine.DockerAsync("network", "create", net.Name)).ShouldExit(1).Error.ShouldContain("already exists");
        (await engine.DockerAsync("network", "connect", net.Name, user)).ShouldExit(1).Error.ShouldContain("already exists in network");
    }
}
