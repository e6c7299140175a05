using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>A machine whose own firewall forwards nothing (ufw, firewalld, docker leave it so), and where ports are published without a word on it.</summary>
public sealed class HostFirewallTests
{
    private static readonly string[] Server = ["nc", "-ll", "-p", "80", "-e", "echo", "here"];

    /// <summary>What a server says to a container within some seconds; empty where packets are dropped.</summary>
    private static async Task<string> AskAsync(EngineFixture engine, string client, string address, int port, int attempts = 1) =>
        (await engine.DockerAsync("exec", client, "sh", "-c", $"for i in $(seq {attempts}); do nc -w 2 {address} {port} </dev/null && break; done")).Text;

    private static async Task HostAsync(EngineFixture engine, params string[] command) => (await OwnMachine.RunAsync(engine, command)).ShouldExit(0);

    [Fact]
    public async Task Packets_with_the_mark_that_was_said_go_into_every_bridge()
    {
        await using var engine = await OwnMachine.StartAsync("nft add table inet marks && nft add chain inet marks prerouting '{ type filter hook prerouting priority mangle; }'", "--bridge-accept-fwmark", "0x2/0x3");
        await engine.EnsureImageAsync();
        await using var net = await Net.CreateAsync(engine);
        await using var other = await Net.CreateAsync(engine);
        var (server, client) = (await net.RunAsync([], Server), await other.RunAsync([]));
        var address = await Look.AddressAsync(engine, server, net.Name);
        (await AskAsync(engine, client, address, 80)).ShouldBeEmpty("no mark");
        foreach (var (mark, answer) in new[] { ("1", ""), ("3", ""), ("2", "here"), ("6", "here") })
            await MarkedAsync(mark, answer);

        async Task MarkedAsync(string mark, string answer)
        {
            await HostAsync(engine, "nft", "flush", "chain", "inet", "marks", "prerouting");
            await HostAsync(engine, "nft", "add", "rule", "inet", "marks", "prerouting", "ip", "daddr", address, "meta", "mark", "set", mark);
            (await AskAsync(engine, client, address, 80, attempts: answer.Length > 0 ? 3 : 1)).ShouldBe(answer, $"mark {mark}");
        }
    }

    [Theory]
    [InlineData("0x")]
    [InlineData("1/2/3")]
    [InlineData("mark")]
    public async Task A_mark_that_is_none_is_refused(string mark) =>
        (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["daemon", "--bridge-accept-fwmark", mark])).ShouldExit(1).Error.ShouldContain($"invalid value \"{mark}\" for option \"bridge-accept-fwmark\"");

    /// <summary>Docker's place for rules of the user's own: asked before anything of a container's is let through. Docker 28, asked by hand, does so with clients on other machines; containers of other networks reach the port by its proxy.</summary>
    [Fact]
    public async Task Rules_in_DOCKER_USER_come_first()
    {
        await using var engine = await OwnMachine.StartAsync("ip link add outside type bridge && ip address add 192.0.2.7/24 dev outside && ip link set outside up");
        await engine.EnsureImageAsync();
        await using var net = await Net.CreateAsync(engine);
        await using var other = await Net.CreateAsync(engine);
        var server = await net.RunAsync(["-p", "8080:80", "-p", "8081:80"], Server);
        var client = await other.RunAsync([]);
        await ReachedAsync("here", "here");
        await HostAsync(engine, "iptables", "-I", "DOCKER-USER", "-p", "tcp", "-m", "conntrack", "--ctorigdstport", "8080", "--ctdir", "ORIGINAL", "-j", "DROP");
        await ReachedAsync("", "here");
        // A network and a container of later are under them too.
        await using var late = await Net.CreateAsync(engine);
        var another = await late.RunAsync([]);
        (await AskAsync(engine, another, "192.0.2.7", 8080)).ShouldBeEmpty();
        await HostAsync(engine, "iptables", "-I", "DOCKER-USER", "-s", await Look.AddressAsync(engine, another, late.Name), "-j", "ACCEPT");
        (await AskAsync(engine, another, "192.0.2.7", 8080, attempts: 3)).ShouldBe("here", "the first rule that fits decides");
        await HostAsync(engine, "iptables", "-F", "DOCKER-USER");
        await ReachedAsync("here", "here");

        async Task ReachedAsync(string first, string second)
        {
            (await AskAsync(engine, client, "192.0.2.7", 8080, attempts: first.Length > 0 ? 3 : 1)).ShouldBe(first);
            (await AskAsync(engine, client, "192.0.2.7", 8081, attempts: 3)).ShouldBe(second);
        }
    }

    [Fact]
    public async Task Chains_that_the_daemon_made_go_with_it_and_what_is_another_s_stays()
    {
        await using var engine = await OwnMachine.StartAsync("nft add table ip6 filter && nft add chain ip6 filter FORWARD '{ type filter hook forward priority 0; policy accept; }'");
        using var machine = OwnMachine.Hold(engine);
        await engine.EnsureImageAsync();
        await using (var net = await Net.CreateAsync(engine)) await net.RunAsync([]);
        (await ChainsAsync("ip")).ShouldBe(["DOCKER-USER", "FORWARD"]);
        await engine.StopDaemonAsync();
        (await ChainsAsync("ip")).ShouldBeEmpty();
        (await ChainsAsync("ip6")).ShouldBe(["FORWARD"]);
        // What is in use stays: a rule of the user's, a chain of his that jumps, a policy.
        await engine.StartDaemonAsync();
        await HostAsync(engine, "iptables", "-A", "DOCKER-USER", "-s", "192.0.2.1", "-j", "DROP");
        await HostAsync(engine, "iptables", "-P", "FORWARD", "DROP");
        await HostAsync(engine, "nft", "add", "chain", "ip6", "filter", "mine");
        await HostAsync(engine, "nft", "add", "rule", "ip6", "filter", "mine", "jump", "DOCKER-USER");
        await engine.StopDaemonAsync();
        (await ChainsAsync("ip")).ShouldBe(["DOCKER-USER", "FORWARD"]);
        (await ChainsAsync("ip6")).ShouldBe(["DOCKER-USER", "FORWARD", "mine"]);
        (await machine.RunAsync("iptables", "-S", "DOCKER-USER")).ShouldExit(0).Text.ShouldContain("-s 192.0.2.1/32 -j DROP");

        async Task<List<string>> ChainsAsync(string family) =>
            [.. (await machine.RunAsync("nft", "list", "table", family, "filter")).ShouldExit(0).Text.Split('\n').Where(line => line.StartsWith("\tchain ", StringComparison.Ordinal)).Select(line => line.Split(' ')[1]).Order(StringComparer.Ordinal)];
    }

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
        var server = await net.RunAsync(["-p", "8080:80"], Server);
        (await engine.DockerAsync("port", server)).ShouldExit(0).Text.ShouldBe("80/tcp -> 192.0.2.7:8080", "--ip is where ports are published that name no address");
        string[] ask = ["sh", "-c", "for i in 1 2 3; do nc -w 2 192.0.2.7 8080 </dev/null && break; done"];
        (await OwnMachine.RunAsync(engine, "busybox", ask[0], ask[1], ask[2].Replace("nc ", "busybox nc ", StringComparison.Ordinal))).Text.ShouldBe("here", "what the host itself sends is not forwarded");
        var client = await other.RunAsync([]);
        (await engine.DockerAsync(["exec", client, .. ask])).Text.ShouldBe(expected);
        (await OwnMachine.RunAsync(engine, "nft", "list", "chain", "ip", "filter", "FORWARD")).ShouldExit(0).Out.Contains("accept", StringComparison.Ordinal).ShouldBe(expected.Length > 0);
    }
}
