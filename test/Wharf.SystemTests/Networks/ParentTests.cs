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
        Assert.SkipUnless(engine.IsWharf, "the peer may be in a network namespace of its own");
        var probe = await CommandResult.RunAsync("ip", ["link", "add", "wt-probe", "link", remote.Link, "type", driver]);
        if (probe.ExitCode != 0) Assert.Skip($"the kernel has no {driver}: {probe.Error.Trim()}");
        (await CommandResult.RunAsync("ip", ["link", "delete", "wt-probe"])).ShouldExit(0);
        var net = remote.HostAddress[..^2];
        return await Net.CreateAsync(engine, ["-d", driver, "-o", $"parent={remote.Link}", "--subnet", net + ".0/24", "--gateway", remote.HostAddress, "--ip-range", net + ".128/25", .. options]);
    }

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
