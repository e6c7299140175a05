using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>A machine whose firewall is the real firewalld: bridges are in the zone docker, also after it has read its files again.</summary>
public sealed class FirewalldTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-firewalld-").FullName;

    /// <summary>A bus and firewalld of the machine's own, and a machine beyond it on an interface of another zone: what no zone lets through is turned away.</summary>
    private string Script => $$"""
        mkdir -p /etc/firewalld && mount -t tmpfs tmpfs /etc/firewalld && mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns; }
        cat > {{_directory}}/bus.conf <<'END'
        <busconfig><type>session</type><listen>unix:path={{_directory}}/bus</listen><auth>EXTERNAL</auth>
        <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>
        END
        ip netns add far && ip link add out type veth peer name eth0 netns far && ip address add 10.219.0.1/24 dev out && ip link set out up
        ip -n far address add 10.219.0.2/24 dev eth0 && ip -n far address add 10.219.0.3/24 dev eth0 && ip -n far link set eth0 up
        firewall-offline-cmd --zone=internal --add-interface=out > /dev/null
        dbus-daemon --config-file={{_directory}}/bus.conf --nofork --nopidfile > {{_directory}}/bus.out 2>&1 & echo $! > {{_directory}}/bus.pid
        export DBUS_SYSTEM_BUS_ADDRESS=unix:path={{_directory}}/bus
        firewalld --nofork --nopid --log-file {{_directory}}/log > {{_directory}}/out 2>&1 & echo $! > {{_directory}}/firewalld.pid
        for i in $(seq 60); do firewall-cmd --state > /dev/null 2>&1 && break; sleep 0.5; done; firewall-cmd --state > /dev/null
        """;

    private async Task<string> AskAsync(EngineFixture engine, params string[] words) =>
        (await OwnMachine.RunAsync(engine, ["env", $"DBUS_SYSTEM_BUS_ADDRESS=unix:path={_directory}/bus", "firewall-cmd", .. words])).Out.Trim();

    [Fact]
    public async Task Bridges_are_in_a_zone_that_lets_containers_out()
    {
        Assert.SkipUnless(File.Exists("/usr/sbin/firewalld") && File.Exists("/usr/bin/dbus-daemon"), "firewalld is not installed");
        await using var engine = await OwnMachine.StartAsync(Script, "--data-root", "/var/lib/wharf");
        await engine.EnsureImageAsync();
        (await AskAsync(engine, "--get-policies")).Split(' ').ShouldContain("docker-forwarding");
        (await AskAsync(engine, "--zone=docker", "--list-interfaces")).ShouldBe("docker0");
        (await engine.DockerAsync("run", "--rm", "busybox", "ping", "-c", "1", "-W", "4", "10.219.0.2")).ShouldExit(0);
        var bridge = "br-" + (await engine.DockerAsync("network", "create", "net")).ShouldExit(0).Text[..12];
        (await AskAsync(engine, "--zone=docker", "--list-interfaces")).Split(' ').ShouldBe(["docker0", bridge], ignoreOrder: true);
        // It forgets the interfaces, and is told again.
        await AskAsync(engine, "--reload");
        for (int attempt = 0; (await AskAsync(engine, "--zone=docker", "--list-interfaces")).Split(' ').Length != 2; attempt++)
        {
            attempt.ShouldBeLessThan(50, "the bridges come back into the zone after a reload");
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }
        (await engine.DockerAsync("run", "--rm", "--network", "net", "busybox", "ping", "-c", "1", "-W", "4", "10.219.0.2")).ShouldExit(0);
        (await engine.DockerAsync("network", "rm", "net")).ShouldExit(0);
        (await AskAsync(engine, "--zone=docker", "--list-interfaces")).ShouldBe("docker0");
        // Without the zone it is firewalld that turns packets away: this test would see it. To another address, as what goes on in a flow it lets through.
        await AskAsync(engine, "--zone=docker", "--remove-interface=docker0");
        (await engine.DockerAsync("run", "--rm", "busybox", "ping", "-c", "1", "-W", "1", "10.219.0.3")).ExitCode.ShouldBe(1);
    }

    public void Dispose()
    {
        foreach (var file in (ReadOnlySpan<string>)["firewalld.pid", "bus.pid"])
        {
            if (!File.Exists($"{_directory}/{file}") || !int.TryParse(File.ReadAllText($"{_directory}/{file}"), out int pid)) continue;
            try
            {
                using var process = System.Diagnostics.Process.GetProcessById(pid);
                process.Kill();
            }
            catch (ArgumentException) { /* it has ended */ }
        }
        Directory.Delete(_directory, recursive: true);
    }
}
