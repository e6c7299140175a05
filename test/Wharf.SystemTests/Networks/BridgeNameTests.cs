using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>What bridges are called: tools look for docker's names, and engines side by side must not take each other's.</summary>
public sealed class BridgeNameTests
{
    private static async Task<string[]> BridgesAsync(EngineFixture engine) =>
        [.. (await OwnMachine.RunAsync(engine, "ip", "-br", "link", "show", "type", "bridge")).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0])];

    private static async Task<string> DefaultAsync(EngineFixture engine) => (await engine.DockerAsync("network", "inspect", "bridge", "--format", "{{index .Options \"com.docker.network.bridge.name\"}}")).ShouldExit(0).Text;

    [Fact]
    public async Task The_engine_of_a_machine_has_docker0()
    {
        await using var engine = await OwnMachine.StartAsync("", "--data-root", "/var/lib/wharf");
        (await DefaultAsync(engine)).ShouldBe("docker0");
        var network = (await engine.DockerAsync("network", "create", "net")).ShouldExit(0).Text;
        (await BridgesAsync(engine)).ShouldBe(["docker0", "br-" + network[..12]], ignoreOrder: true);
        await engine.EnsureImageAsync();
        (await engine.DockerAsync("run", "--rm", "busybox", "ip", "route")).ShouldExit(0).Out.ShouldContain("default via 172.17.0.1 ");
        (await engine.DockerAsync("run", "--rm", "--network", "net", "busybox", "ip", "route")).ShouldExit(0).Out.ShouldContain("default via 172.18.0.1 ");
        (await engine.DockerAsync("network", "rm", "net")).ShouldExit(0);
        (await BridgesAsync(engine)).ShouldBe(["docker0"]);
    }

    [Fact]
    public async Task A_docker0_of_somebody_else_s_is_left_alone()
    {
        await using var engine = await OwnMachine.StartAsync("ip link add docker0 type bridge", "--data-root", "/var/lib/wharf");
        var name = await DefaultAsync(engine);
        name.ShouldMatch("^wh[0-9a-f]{8}-0$");
        (await BridgesAsync(engine)).ShouldBe(["docker0", name], ignoreOrder: true);
    }
}
