using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>macvlan and ipvlan: containers on the cable itself, beside the machine.</summary>
public sealed class ParentTests(EngineFixture engine)
{
    /// <summary>A network on the cable; skips where the kernel has no such interfaces.</summary>
    private async Task<Net> OnCableAsync(RemoteHost remote, string driver, params string[] options)
    {
        await RequireAsync(remote, driver);
        var net = remote.HostAddress[..^2];
        return await Net.CreateAsync(engine, ["-d", driver, "-o", $"parent={remote.Link}", "--subnet", net + ".0/24", "--gateway", remote.HostAddress, "--ip-range", net + ".128/25", .. options]);
    }

    private static async Task RequireAsync(RemoteHost remote, string driver, params string[] options)
    {
        var probe = await CommandResult.RunAsync("ip", ["link", "add", "link", remote.Link, "name", "wt-probe", "type", driver, .. options]);
        if (probe.ExitCode != 0) Assert.Skip($"the kernel has no {driver}: {probe.Error.Trim()}");
        (await CommandResult.RunAsync("ip", ["link", "delete", "wt-probe"])).ShouldExit(0);
    }

    private static async Task<bool> IsThereAsync(string name) => (await CommandResult.RunAsync("ip", ["link", "show", name])).ExitCode == 0;

    [Theory]
    [InlineData("macvlan")]
    [InlineData("ipvlan")]
    public async Task A_VLAN_as_parent_is_made_with_the_first_network_and_goes_with_the_last(string driver)
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await RequireAsync(remote, "vlan", "id", "4000");
        await RequireAsync(remote, driver);
        (await remote.RunAsync("ip", "link", "add", "link", "eth0", "name", "eth0.7", "type", "vlan", "id", "7")).ShouldExit(0);
        (await remote.RunAsync("ip", "address", "add", "10.218.7.2/24", "dev", "eth0.7")).ShouldExit(0);
        (await remote.RunAsync("ip", "link", "set", "eth0.7", "up")).ShouldExit(0);
        var vlan = remote.Link + ".7";
        await using (var net = await Net.CreateAsync(engine, "-d", driver, "-o", "parent=" + vlan, "--subnet", "10.218.7.0/24"))
        {
            (await CommandResult.RunAsync("ip", ["-d", "link", "show", vlan])).ShouldExit(0).Out.ShouldMatch("(?s)<[^>]*UP.*vlan protocol 802.1Q id 7 ");
            string[] second = ["-d", driver, "-o", "parent=" + vlan, "--subnet", "10.218.8.0/24"];
            if (driver == "macvlan") await using (await Net.CreateAsync(engine, second)) { }
            else (await engine.DockerAsync(["network", "create", .. second, "wt-second"])).ShouldExit(1).Error.ShouldMatch($"network di-[0-9a-f]{{12}} is already using parent interface {vlan}");
            (await IsThereAsync(vlan)).ShouldBeTrue("a network needs it still");
            var server = await net.RunAsync(["--ip", "10.218.7.80"], "nc", "-ll", "-p", "80", "-e", "echo", "tagged");
            (await remote.AnswerAsync("10.218.7.80", 80)).ShouldBe("tagged");
            (await engine.DockerAsync("exec", server, "ping", "-c", "1", "-W", "4", "10.218.7.2")).ShouldExit(0);
        }
        (await IsThereAsync(vlan)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_VLAN_that_was_there_before_stays()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await RequireAsync(remote, "vlan", "id", "4000");
        var vlan = remote.Link + ".9";
        (await CommandResult.RunAsync("ip", ["link", "add", "link", remote.Link, "name", vlan, "type", "vlan", "id", "9"])).ShouldExit(0);
        await using (await Net.CreateAsync(engine, "-d", "macvlan", "-o", "parent=" + vlan)) { }
        (await IsThereAsync(vlan)).ShouldBeTrue();
    }

    [Fact]
    public async Task Networks_share_a_parent_and_one_outlives_the_other()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await using var stays = await OnCableAsync(remote, "macvlan");
        await using (var goes = await Net.CreateAsync(engine, "-d", "macvlan", "-o", $"parent={remote.Link}", "--subnet", "10.218.1.0/24")) await goes.RunAsync([]);
        (await IsThereAsync(remote.Link)).ShouldBeTrue();
        var server = await stays.RunAsync([], "nc", "-ll", "-p", "80", "-e", "echo", "here");
        (await remote.AnswerAsync(await Look.AddressAsync(engine, server, stays.Name), 80)).ShouldBe("here");
        (await engine.DockerAsync("network", "create", "-d", "macvlan", "-o", $"parent={remote.Link}", "-o", "macvlan_mode=passthru", "wt-passthru")).ShouldExit(1).Error.ShouldMatch($"cannot use mode passthru, macvlan network [0-9a-f]{{64}} is already using parent interface {remote.Link}");
        await using var second = await RemoteHost.PlugInAsync();
        await using var alone = await Net.CreateAsync(engine, "-d", "macvlan", "-o", $"parent={second.Link}", "-o", "macvlan_mode=passthru");
        (await engine.DockerAsync("network", "create", "-d", "macvlan", "-o", $"parent={second.Link}", "wt-late")).ShouldExit(1).Error.ShouldMatch($"macvlan network [0-9a-f]{{64}} is already using parent interface {second.Link} in mode passthru");
    }

    [Theory]
    [InlineData("wt-none", "invalid subinterface vlan name wt-none, example formatting is eth0.10")]
    [InlineData("wt-none.5", "-o parent interface was not found on the host: wt-none")]
    [InlineData("wt-none.x", "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)")]
    [InlineData("lo.4095", "vlan id must be between 1-4094, received: 4095")]
    [InlineData("wt-none.1.2", "required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received wt-none.1.2")]
    public async Task A_parent_that_is_none_is_refused(string parent, string words) =>
        (await engine.DockerAsync("network", "create", "-d", "macvlan", "-o", "parent=" + parent, "wt-refused")).ShouldExit(1).Error.ShouldContain(words);

    [Theory]
    [InlineData("macvlan")]
    [InlineData("ipvlan")]
    public async Task Containers_reach_the_cable_and_each_other_and_are_reached(string driver)
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await using var net = await OnCableAsync(remote, driver);
        var server = await net.RunAsync(["--network-alias", "web"], "nc", "-ll", "-p", "80", "-e", "echo", "here");
        var address = await Look.AddressAsync(engine, server, net.Name);
        (await remote.AnswerAsync(address, 80)).ShouldBe("here");
        (await engine.DockerAsync("exec", server, "ping", "-c", "1", "-W", "4", remote.Address)).ShouldExit(0);
        var neighbour = await net.RunAsync([]);
        (await engine.DockerAsync([], "exec", "-i", neighbour, "nc", "-w", "10", "web", "80")).Text.ShouldBe("here");
        (await Ask.FromHostAsync(address, 80)).ShouldBeEmpty("the machine itself is apart from what is on its own parent interface");
        // Joining and leaving while it runs.
        (await engine.DockerAsync("network", "disconnect", net.Name, neighbour)).ShouldExit(0);
        (await engine.DockerAsync("network", "connect", "--ip", remote.HostAddress[..^2] + ".200", net.Name, neighbour)).ShouldExit(0);
        (await engine.DockerAsync("exec", neighbour, "ping", "-c", "1", "-W", "4", remote.Address)).ShouldExit(0);
        (await remote.RunAsync("busybox", "ping", "-c", "1", "-W", "4", remote.HostAddress[..^2] + ".200")).ShouldExit(0);
    }

    [Fact]
    public async Task Private_macvlan_keeps_neighbours_apart()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await using var net = await OnCableAsync(remote, "macvlan", "-o", "macvlan_mode=private");
        var server = await net.RunAsync([], "nc", "-ll", "-p", "80", "-e", "echo", "here");
        var address = await Look.AddressAsync(engine, server, net.Name);
        (await remote.AnswerAsync(address, 80)).ShouldBe("here");
        var neighbour = await net.RunAsync([]);
        (await engine.DockerAsync([], "exec", "-i", neighbour, "nc", "-w", "2", address, "80")).Text.ShouldBeEmpty();
    }

    [Fact]
    public async Task Ipvlan_of_layer_3_has_routes_without_a_gateway()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await using var net = await OnCableAsync(remote, "ipvlan", "-o", "ipvlan_mode=l3");
        var server = await net.RunAsync([], "nc", "-ll", "-p", "80", "-e", "echo", "here");
        (await engine.DockerAsync("exec", server, "ip", "route")).ShouldExit(0).Out.ShouldContain("default dev eth0");
        (await engine.DockerAsync("exec", server, "ping", "-c", "1", "-W", "4", remote.Address)).ExitCode.ShouldBeInRange(0, 1); // the way back is the remote's to know
        var neighbour = await net.RunAsync([]);
        (await engine.DockerAsync([], "exec", "-i", neighbour, "nc", "-w", "10", await Look.AddressAsync(engine, server, net.Name), "80")).Text.ShouldBe("here");
    }
}
