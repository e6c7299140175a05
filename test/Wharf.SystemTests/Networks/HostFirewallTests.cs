using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>A machine whose own firewall forwards nothing (ufw, firewalld, docker leave it so), and where ports are published without a word on it.</summary>
public sealed class HostFirewallTests
{
    private const string ForwardsNothing = "ip link add outside type bridge && ip address add 192.0.2.7/24 dev outside && ip link set outside up && nft add table ip filter && nft add chain ip filter FORWARD '{ type filter hook forward priority 0; policy drop; }'";

    [Theory]
    [InlineData("docker", "here")]
    [InlineData("respect", "")]
    public async Task The_hosts_policy_holds_for_containers_when_asked(string firewall, string expected)
    {
        await using var engine = await OwnMachine.StartAsync(ForwardsNothing, [.. firewall == "respect" ? new[] { "--firewall=respect" } : [], "--ip", "192.0.2.7"]);
        await engine.EnsureImageAsync();
        await using var net = await Net.CreateAsync(engine);
        await using var other = await Net.CreateAsync(engine);
        var server = await net.RunAsync(["-p", "8080:80"], "nc", "-ll", "-p", "80", "-e", "echo", "here");
        (await engine.DockerAsync("port", server)).ShouldExit(0).Text.ShouldBe("80/tcp -> 192.0.2.7:8080", "--ip is where ports are published that name no address");
        string[] ask = ["sh", "-c", "for i in 1 2 3; do nc -w 2 192.0.2.7 8080 </dev/null && break; done"];
        (await OwnMachine.RunAsync(engine, "busybox", ask[0], ask[1], ask[2].Replace("nc ", "busybox nc ", StringComparison.Ordinal))).Text.ShouldBe("here", "what the host itself sends is not forwarded");
        var client = await other.RunAsync([]);
        (await engine.DockerAsync(["exec", client, .. ask])).Text.ShouldBe(expected);
        (await OwnMachine.RunAsync(engine, "nft", "list", "chain", "ip", "filter", "FORWARD")).ShouldExit(0).Out.Contains("accept", StringComparison.Ordinal).ShouldBe(expected.Length > 0);
    }
}
