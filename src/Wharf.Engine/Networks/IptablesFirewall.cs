using System.Globalization;

namespace Wharf.Engine.Networks;

/// <summary>
/// The same rules as chains of iptables and ip6tables, for machines without nftables. They are few to a network and one to a port or range; every change
/// writes our chains anew, which iptables-restore does in one step a table.
/// </summary>
internal sealed class IptablesFirewall(IptablesRules rules, bool legacy) : IFirewall
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private readonly IptablesProgram _program = new(legacy);
    private readonly Dictionary<string, NetworkRecord> _networks = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Container, string Network), EndpointRecord> _endpoints = [];
    private readonly Lock _lock = new();

    public string Name => rules.Name;
    /// <summary>The kernel's older tables are used, not iptables' words for nftables.</summary>
    public bool IsLegacy => legacy;
    public bool TurnsPorts => true;
    public string PlaceOf(PortMapping port) => $"iptables chain {rules.Ports} of the table nat";

    public void Install(IEnumerable<NetworkRecord> networks, IEnumerable<EndpointRecord> endpoints) => Change(() =>
    {
        _networks.Clear();
        _endpoints.Clear();
        foreach (var network in networks) _networks[network.Bridge] = network;
        foreach (var endpoint in endpoints) Put(endpoint);
    });

    public void AddNetwork(NetworkRecord network) => Change(() => _networks[network.Bridge] = network);
    public void RemoveNetwork(NetworkRecord network) => Change(() => _networks.Remove(network.Bridge));

    public void AddPorts(EndpointRecord endpoint)
    {
        if (endpoint.Ports.Any(port => !port.Relayed)) Change(() => Put(endpoint));
    }

    public void RemovePorts(EndpointRecord endpoint)
    {
        if (endpoint.Ports.Any(port => !port.Relayed)) Change(() => _endpoints.Remove((endpoint.ContainerId, endpoint.NetworkId)));
    }

    private void Put(EndpointRecord endpoint)
    {
        if (endpoint.Ports.Count > 0) _endpoints[(endpoint.ContainerId, endpoint.NetworkId)] = endpoint;
    }

    private void Change(Action action)
    {
        lock (_lock)
        {
            action();
            Write();
        }
    }

    private void Write()
    {
        foreach (bool v6 in _program.Families)
        {
            var saved = _program.Save(v6);
            _program.Restore(v6, rules.Script(v6, [.. _networks.Values], [.. _endpoints.Values], saved));
        }
    }

    // Our own chains let packets pass in the host's chain itself.
    public bool AllowOnHost(IEnumerable<NetworkRecord> networks) => false;

    public bool IsInPlace()
    {
        lock (_lock) return _program.Families.All(v6 => rules.AreIn(_program.Save(v6), v6, _networks.Count));
    }

    public void Remove()
    {
        lock (_lock)
        {
            _networks.Clear();
            _endpoints.Clear();
            foreach (bool v6 in _program.Families)
                if (rules.RemovalScript(_program.Save(v6)) is { Length: > 0 } script) _program.Restore(v6, script);
        }
    }

    /// <summary>The kernel tells nobody of changes in these tables: they are looked at now and then.</summary>
    public async Task WatchAsync(Action changed, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Interval);
        while (await timer.WaitForNextTickAsync(cancellation)) changed();
    }

    public void Dispose() { }
}

/// <summary>The scripts that iptables-restore takes.</summary>
internal sealed class IptablesRules(string tag, DaemonOptions options)
{
    private static readonly (string Table, string Chain, string Suffix, string Match)[] Hooks =
    [
        ("raw", "PREROUTING", "RAW", ""),
        ("nat", "PREROUTING", "PORTS", "! -d {loopback} -m addrtype --dst-type LOCAL "),
        ("nat", "OUTPUT", "PORTS", "{output}-m addrtype --dst-type LOCAL "),
        ("nat", "POSTROUTING", "POST", ""),
        ("filter", "FORWARD", "FORWARD", ""),
    ];

    private string Chain(string suffix) => $"WHARF-{tag}-{suffix}";
    public string Name => $"WHARF-{tag}";
    public string Ports => Chain("PORTS");
    /// <summary>What happens to a packet that we let pass: the host's further rules count where they are respected.</summary>
    private string Pass => options.RespectHostFirewall ? "RETURN" : "ACCEPT";

    private string Jump((string Table, string Chain, string Suffix, string Match) hook, bool v6) =>
        $"{hook.Chain} {hook.Match.Replace("{loopback}", v6 ? "::1/128" : "127.0.0.0/8", StringComparison.Ordinal).Replace("{output}", v6 ? "! -d ::1/128 " : "", StringComparison.Ordinal)}-j {Chain(hook.Suffix)}";

    /// <summary>All of a family's rules. Chains that are named are emptied first; what leads into them is added where it is not there.</summary>
    public string Script(bool v6, IReadOnlyList<NetworkRecord> networks, IReadOnlyList<EndpointRecord> endpoints, string saved)
    {
        var lines = new List<string>();
        foreach (var table in (ReadOnlySpan<string>)["raw", "nat", "filter"])
        {
            lines.Add("*" + table);
            foreach (var suffix in Hooks.Where(hook => hook.Table == table).Select(hook => hook.Suffix).Distinct()) lines.Add($":{Chain(suffix)} - [0:0]");
            lines.AddRange(Hooks.Where(hook => hook.Table == table).Select(hook => Jump(hook, v6)).Where(jump => !Has(saved, table, jump)).Select(jump => "-I " + jump.Insert(jump.IndexOf(' ') + 1, "1 ")));
            lines.AddRange(table switch { "raw" => Raw(v6, networks), "nat" => Nat(v6, networks, endpoints), _ => Filter(v6, networks, endpoints) });
            lines.Add("COMMIT");
        }
        return string.Join('\n', lines) + "\n";
    }

    private IEnumerable<string> Raw(bool v6, IReadOnlyList<NetworkRecord> networks) =>
        v6 ? [] : networks.Select(network => $"-A {Chain("RAW")} -i {network.Bridge} -d 127.0.0.0/8 -j DROP");

    private IEnumerable<string> Nat(bool v6, IReadOnlyList<NetworkRecord> networks, IReadOnlyList<EndpointRecord> endpoints)
    {
        var runs = RunsOf(v6, endpoints).Where(run => !run.Run.Mapping.Routed).ToList();
        // What names an address comes before what takes all.
        foreach (var (run, own) in runs.OrderBy(run => IsAny(run.Run.Mapping)))
        {
            var port = run.Mapping;
            var target = run.IsRange ? own : string.Create(CultureInfo.InvariantCulture, $"{(v6 ? $"[{own}]" : own)}:{port.ContainerPort}");
            yield return $"-A {Ports} {(IsAny(port) ? "" : $"-d {port.ArrivalAddress} ")}-p {port.Protocol} -m {port.Protocol} --dport {Number(run)} -j DNAT --to-destination {target}";
        }
        var post = Chain("POST");
        if (!v6) foreach (var network in networks) yield return $"-A {post} -s 127.0.0.0/8 -o {network.Bridge} -j MASQUERADE";
        var subnets = networks.SelectMany(network => SubnetsOf(network, v6).Select(subnet => (network.Network, subnet))).ToList();
        foreach (var (_, subnet) in subnets) yield return $"-A {post} -s {subnet} -d {subnet} -m conntrack --ctstate DNAT -j MASQUERADE";
        foreach (var network in networks) yield return $"-A {post} -o {network.Bridge} -j RETURN";
        foreach (var (network, subnet) in subnets)
        {
            if (network.Internal == true || BridgeOptions.GatewayMode(network, v6) is not ("nat" or "nat-unprotected") || !BridgeOptions.Masquerade(network)) continue;
            yield return $"-A {post} -s {subnet} -j {(BridgeOptions.SourceAddress(network, v6) is { } source ? "SNAT --to-source " + source : "MASQUERADE")}";
        }
    }

    /// <summary>As in the chain forward of <see cref="NftablesFirewall"/>, rule by rule, but for our own bridges alone: an ACCEPT here would end the host's chain for others' packets.</summary>
    private IEnumerable<string> Filter(bool v6, IReadOnlyList<NetworkRecord> networks, IReadOnlyList<EndpointRecord> endpoints)
    {
        var chain = Chain("FORWARD");
        foreach (var network in networks)
            foreach (var side in (string[])["-i", "-o"]) yield return $"-A {chain} {side} {network.Bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j {Pass}";
        foreach (var network in networks.Where(network => BridgeOptions.Icc(network.Network))) yield return $"-A {chain} -i {network.Bridge} -o {network.Bridge} -j {Pass}";
        foreach (var network in networks.Where(network => network.Network.Internal == true))
            foreach (var side in (string[])["-i", "-o"]) yield return $"-A {chain} {side} {network.Bridge} -j DROP";
        foreach (var network in networks)
        {
            yield return $"-A {chain} -o {network.Bridge} -m conntrack --ctstate DNAT -j {Pass}";
            if (options.AcceptMark is var (mark, mask)) yield return string.Create(CultureInfo.InvariantCulture, $"-A {chain} -o {network.Bridge} -m mark --mark 0x{mark:x}/0x{mask:x} -j {Pass}");
            foreach (var trusted in BridgeOptions.Trusted(network.Network)) yield return $"-A {chain} -i {trusted} -o {network.Bridge} -j {Pass}";
        }
        foreach (var (run, own) in RunsOf(v6, endpoints))
        {
            if (!run.Mapping.Routed && !options.AllowsDirectRouting) continue;
            var number = run.Mapping.Routed || run.IsRange ? Number(run) : run.Mapping.ContainerPort.ToString(CultureInfo.InvariantCulture);
            yield return $"-A {chain} -d {own} -p {run.Mapping.Protocol} -m {run.Mapping.Protocol} --dport {number} -j {Pass}";
        }
        foreach (var network in networks)
        {
            var modes = SubnetsOf(network, v6).Select(_ => BridgeOptions.GatewayMode(network.Network, v6)).ToList();
            if (modes.Contains("routed")) yield return $"-A {chain} -o {network.Bridge} -p {(v6 ? "ipv6-icmp" : "icmp")} -j {Pass}";
            if (!modes.Contains("nat-unprotected")) continue;
            foreach (var other in networks) yield return $"-A {chain} -i {other.Bridge} -o {network.Bridge} -j DROP";
            yield return $"-A {chain} -o {network.Bridge} -j {Pass}";
        }
        foreach (var network in networks) yield return $"-A {chain} -o {network.Bridge} -j DROP";
        foreach (var network in networks) yield return $"-A {chain} -i {network.Bridge} -j {Pass}";
    }

    private static IEnumerable<(PortRun Run, string Own)> RunsOf(bool v6, IEnumerable<EndpointRecord> endpoints) =>
        endpoints.SelectMany(endpoint => PortRun.Of(endpoint.Ports.Where(port => !port.Relayed && port.HostAddress.Contains(':') == v6)).Select(run => (run, (v6 ? endpoint.Settings.GlobalIPv6Address : endpoint.Settings.IPAddress)!)));

    private static bool IsAny(PortMapping port) => port.ArrivalAddress is "" or "0.0.0.0" or "::";
    private static string Number(PortRun run) => string.Create(CultureInfo.InvariantCulture, $"{run.First}{(run.IsRange ? $":{run.Last}" : "")}");
    private static IEnumerable<Subnet> SubnetsOf(NetworkRecord network, bool v6) => (network.Network.IPAM?.Config ?? []).Select(config => Subnet.TryParse(config.Subnet, out var subnet) ? subnet : (Subnet?)null).OfType<Subnet>().Where(subnet => subnet.IsIPv6 == v6);

    /// <summary>Whether what iptables-save told has the jumps into our chains, and rules in them when there are networks.</summary>
    public bool AreIn(string saved, bool v6, int networks) =>
        Hooks.All(hook => Has(saved, hook.Table, Jump(hook, v6))) && (networks == 0 || saved.Contains($"-A {Chain("FORWARD")} ", StringComparison.Ordinal));

    /// <summary>Takes jumps and chains away; empty when there are none.</summary>
    public string RemovalScript(string saved)
    {
        var lines = new List<string>();
        foreach (var table in (ReadOnlySpan<string>)["raw", "nat", "filter"])
        {
            var section = SectionOf(saved, table);
            var chains = section.Where(line => line.StartsWith($":WHARF-{tag}-", StringComparison.Ordinal)).Select(line => line[1..line.IndexOf(' ')]).ToList();
            if (chains.Count == 0) continue;
            lines.Add("*" + table);
            lines.AddRange(section.Where(line => line.StartsWith("-A ", StringComparison.Ordinal) && !line.StartsWith($"-A WHARF-{tag}-", StringComparison.Ordinal) && line.Contains($"-j WHARF-{tag}-", StringComparison.Ordinal)).Select(line => "-D" + line[2..]));
            foreach (var chain in chains) lines.AddRange([$"-F {chain}", $"-X {chain}"]);
            lines.Add("COMMIT");
        }
        return lines.Count == 0 ? "" : string.Join('\n', lines) + "\n";
    }

    private static bool Has(string saved, string table, string rule) => SectionOf(saved, table).Contains("-A " + rule);

    private static List<string> SectionOf(string saved, string table) =>
        [.. saved.Split('\n').SkipWhile(line => line != "*" + table).TakeWhile(line => line != "COMMIT")];
}
