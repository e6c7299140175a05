using System.Diagnostics;
using System.Text.RegularExpressions;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Networks;

/// <summary>The IPAM driver dhcp with dnsmasq as the server on the cable. Docker has none.</summary>
public sealed class DhcpTests(EngineFixture engine)
{
    /// <summary>Gives .100 and more of the cable's net, for two minutes each, and .77 to a MAC address of its own.</summary>
    private sealed class Server : IAsyncDisposable
    {
        public const string KnownMac = "02:42:00:00:00:77";
        private readonly Process _process;
        private readonly string _directory = Directory.CreateTempSubdirectory("wharf-dhcp-").FullName;

        /// <param name="last">The last of the addresses that it gives; the first is .100.</param>
        public Server(RemoteHost remote, int last = 120)
        {
            var net = remote.Address[..remote.Address.LastIndexOf('.')];
            _process = Process.Start("ip", ["netns", "exec", remote.Name, "dnsmasq", "-k", "-C", "/dev/null", "--port=0", "--user=root", "--interface=eth0", "--bind-interfaces", "--pid-file=",
                $"--dhcp-range={net}.100,{net}.{last},2m", $"--dhcp-host={KnownMac},{net}.77", $"--dhcp-option=3,{remote.Address}", "--dhcp-authoritative", "--no-ping", $"--dhcp-leasefile={LeaseFile}", "--log-facility=" + LogFile, "--log-dhcp"]);
        }

        private string LeaseFile => Path.Combine(_directory, "leases");
        private string LogFile => Path.Combine(_directory, "log");

        public async Task<string> LogAsync() => File.Exists(LogFile) ? await File.ReadAllTextAsync(LogFile) : "";

        /// <summary>Lines "expiry MAC address hostname id".</summary>
        public async Task<string[]> LeasesAsync() => File.Exists(LeaseFile) ? [.. (await File.ReadAllLinesAsync(LeaseFile)).Where(line => line.Split(' ').Length == 5)] : [];

        /// <summary>Waits for leases to be as they should.</summary>
        public async Task<string[]> LeasesAsync(Func<string[], bool> right)
        {
            for (int attempt = 0; attempt < 200 && !right(await LeasesAsync()); attempt++) await Task.Delay(50);
            var leases = await LeasesAsync();
            right(leases).ShouldBeTrue(string.Join('\n', leases) + "\n" + await LogAsync());
            return leases;
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited) _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task<Net> OnCableAsync(RemoteHost remote, params string[] options)
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no DHCP");
        return await Net.CreateAsync(engine, ["-d", "macvlan", "-o", $"parent={remote.Link}", "--ipam-driver", "dhcp", .. options]);
    }

    [Fact]
    public async Task Containers_get_addresses_of_the_cables_server_keep_them_and_give_them_back()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await using var server = new Server(remote);
        await using var net = await OnCableAsync(remote);
        var prefix = remote.Address[..remote.Address.LastIndexOf('.')];
        (await engine.DockerAsync("network", "inspect", net.Name, "--format", "{{.IPAM.Driver}} {{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}")).ShouldExit(0).Text.ShouldBe($"dhcp {prefix}.0/24 {remote.Address}", "as the server tells");
        (await server.LeasesAsync()).ShouldBeEmpty("asking for the subnet takes no address");

        var web = await net.RunAsync(["--hostname", "web"], "nc", "-ll", "-p", "80", "-e", "echo", "here");
        var address = await Look.AddressAsync(engine, web, net.Name);
        var lease = (await server.LeasesAsync(leases => leases.Length == 1))[0].Split(' ');
        (lease[2], lease[3]).ShouldBe((address, "web"));
        (await engine.DockerAsync("exec", web, "ip", "address", "show", "eth0")).ShouldExit(0).Out.ShouldMatch($"(?s)link/ether {lease[1]} .*inet {Regex.Escape(address)}/24 ");
        (await engine.DockerAsync("exec", web, "ip", "route")).ShouldExit(0).Out.ShouldContain($"default via {remote.Address} dev eth0");
        (await remote.AnswerAsync(address, 80)).ShouldBe("here");

        var known = await net.RunAsync(["--mac-address", Server.KnownMac]);
        (await Look.AddressAsync(engine, known, net.Name)).ShouldBe(prefix + ".77");
        (await engine.DockerAsync("restart", "-t", "0", web)).ShouldExit(0);
        (await Look.AddressAsync(engine, web, net.Name)).ShouldBe(address, "it has the same MAC address again");

        // Leaving and joining while it runs.
        (await engine.DockerAsync("network", "disconnect", net.Name, known)).ShouldExit(0);
        await server.LeasesAsync(leases => leases.Length == 1);
        (await engine.DockerAsync("network", "connect", net.Name, known)).ShouldExit(0);
        (await engine.DockerAsync("exec", known, "ping", "-c", "1", "-W", "4", remote.Address)).ShouldExit(0);
        (await engine.DockerAsync("rm", "-f", web, known)).ShouldExit(0);
        await server.LeasesAsync(leases => leases.Length == 0);
    }

    [Fact]
    public async Task Leases_are_renewed_also_after_the_daemon_was_killed()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        await using var server = new Server(remote);
        await using var net = await OnCableAsync(remote);
        var web = await net.RunAsync([], "nc", "-ll", "-p", "80", "-e", "echo", "here");
        var address = await Look.AddressAsync(engine, web, net.Name);
        var first = (await server.LeasesAsync(leases => leases.Length == 1))[0].Split(' ');
        await Task.Delay(1100, TestContext.Current.CancellationToken); // the server counts seconds
        await engine.KillDaemonAsync();
        await engine.StartDaemonAsync();
        var later = (await server.LeasesAsync(leases => leases.Length == 1 && long.Parse(leases[0].Split(' ')[0]) > long.Parse(first[0])))[0].Split(' ');
        later[1..3].ShouldBe(first[1..3]);
        (await remote.AnswerAsync(address, 80)).ShouldBe("here");
        (await engine.DockerAsync("rm", "-f", web)).ShouldExit(0);
        await server.LeasesAsync(leases => leases.Length == 0);
    }

    [Fact]
    public async Task A_named_subnet_needs_no_server_at_first_and_an_address_that_the_server_does_not_give_is_refused()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        var prefix = remote.Address[..remote.Address.LastIndexOf('.')];
        await using var net = await OnCableAsync(remote, "--subnet", prefix + ".0/24", "--gateway", remote.Address);
        await using var server = new Server(remote);
        var chosen = await net.RunAsync(["--ip", prefix + ".115"]);
        (await Look.AddressAsync(engine, chosen, net.Name)).ShouldBe(prefix + ".115");
        (await engine.DockerAsync("run", "--rm", "--network", net.Name, "--ip", prefix + ".200", "busybox", "true")).ShouldExit(125).Error.ShouldContain($"does not give {prefix}.200");
        await server.LeasesAsync(leases => leases.Length == 1);
    }

    [Fact]
    public async Task An_address_outside_the_subnet_or_another_containers_is_not_used()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        var prefix = remote.Address[..remote.Address.LastIndexOf('.')];
        string held, address;
        await using var net = await OnCableAsync(remote, "--subnet", prefix + ".96/27", "--gateway", prefix + ".98");
        await using (new Server(remote, last: 100))
        {
            held = await net.RunAsync([], "nc", "-ll", "-p", "80", "-e", "echo", "here");
            (address = await Look.AddressAsync(engine, held, net.Name)).ShouldBe(prefix + ".100");
        }
        await using var forgetful = new Server(remote, last: 100);
        (await engine.DockerAsync("run", "--rm", "--network", net.Name, "busybox", "true")).ShouldExit(125).Error.ShouldContain($"gave {address}, which 02:42:");
        (await engine.DockerAsync("exec", held, "ip", "address", "show", "eth0")).ShouldExit(0).Out.ShouldContain($"inet {address}/27 ");
        (await engine.DockerAsync("run", "--rm", "--network", net.Name, "--mac-address", Server.KnownMac, "busybox", "true")).ShouldExit(125).Error.ShouldContain($"gave {prefix}.77, which is not in the network's subnet {prefix}.96/27");
    }

    [Fact]
    public async Task On_a_bridge_of_the_users_containers_are_on_its_cable_and_the_host_keeps_its_addresses()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no DHCP");
        await using var remote = await RemoteHost.PlugInAsync();
        await using var server = new Server(remote);
        var bridge = remote.Link + "b";
        foreach (var words in new[] { $"link add {bridge} type bridge", $"link set {remote.Link} master {bridge}", $"address flush dev {remote.Link}", $"address add {remote.HostAddress}/24 dev {bridge}", $"link set {bridge} up" })
            (await CommandResult.RunAsync("ip", words.Split(' '))).ShouldExit(0);
        try
        {
            await using (var net = await Net.CreateAsync(engine, "-o", "com.docker.network.bridge.name=" + bridge, "--ipam-driver", "dhcp"))
            {
                var web = await net.RunAsync([], "nc", "-ll", "-p", "80", "-e", "echo", "here");
                var address = await Look.AddressAsync(engine, web, net.Name);
                (await server.LeasesAsync(leases => leases.Length == 1))[0].Split(' ')[2].ShouldBe(address);
                (await engine.DockerAsync("exec", web, "ip", "route")).ShouldExit(0).Out.ShouldContain($"default via {remote.Address} dev eth0");
                (await remote.AnswerAsync(address, 80)).ShouldBe("here");
                (await engine.DockerAsync("exec", web, "ping", "-c", "1", "-W", "4", remote.Address)).ShouldExit(0);
                (await engine.DockerAsync("rm", "-f", web)).ShouldExit(0);
                await server.LeasesAsync(leases => leases.Length == 0);
            }
            (await CommandResult.RunAsync("ip", ["-4", "-o", "address", "show", bridge])).ShouldExit(0).Text.Split('\n').ShouldHaveSingleItem().ShouldContain($"inet {remote.HostAddress}/24 ");
        }
        finally { await CommandResult.RunAsync("ip", ["link", "delete", bridge]); }
    }

    [Fact]
    public async Task Without_a_server_nothing_is_made()
    {
        await using var remote = await RemoteHost.PlugInAsync();
        Assert.SkipUnless(engine.IsWharf, "docker has no DHCP");
        (await engine.DockerAsync("network", "create", "-d", "macvlan", "-o", $"parent={remote.Link}", "--ipam-driver", "dhcp", "wt-silent")).ShouldExit(1).Error.ShouldContain($"no DHCP server answers on {remote.Link}");
        (await engine.DockerAsync("network", "inspect", "wt-silent")).ExitCode.ShouldBe(1);
        foreach (var (words, options) in new (string, string[])[] { ("is for macvlan networks", ["-d", "bridge"]), ("is for macvlan networks", ["-d", "macvlan"]), ("is for IPv4 alone", ["-d", "macvlan", "--ipv6", "-o", "parent=" + remote.Link]), ("takes no range", ["-d", "macvlan", "-o", "parent=" + remote.Link, "--subnet", "10.219.0.0/24", "--ip-range", "10.219.0.0/25"]) })
            (await engine.DockerAsync(["network", "create", "--ipam-driver", "dhcp", .. options, "wt-silent"])).ShouldExit(1).Error.ShouldContain(words);
    }
}
