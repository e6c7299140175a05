using System.Text;
using Wharf.Linux.Nftables;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Networks;

/// <summary>
/// The daemon's one nftables table. Networks and ports are elements of sets and maps, so that a thousand published ports are still one
/// rule; every change is one transaction.
/// </summary>
internal sealed class NftablesFirewall(string tag, DaemonOptions options, NftablesContext nft) : IFirewall
{
    private readonly NftablesContext _nft = nft;
    private readonly HostForwarding _host = new(tag, nft);
    private readonly string _table = $"inet wharf_{tag}";

    public string Name => $"wharf_{tag}";
    public bool TurnsPorts => true;
    public string PlaceOf(PortMapping port) => $"map {(port.ArrivalAddress is "" or "0.0.0.0" or "::" ? "any_port" : "address_port")}{(port.HostAddress.Contains(':') ? 6 : 4)} or its _range, chains prerouting and output";

    /// <summary>Waits until something of our table, or of the host's chains, has been changed by somebody.</summary>
    public async Task WatchAsync(Action changed, CancellationToken cancellation)
    {
        using var monitor = new NftablesMonitor();
        while (true)
        {
            await monitor.WaitForChangeAsync(Name, HostForwarding.Table, cancellation);
            changed();
        }
    }

    public void Install(IEnumerable<NetworkRecord> networks, IEnumerable<EndpointRecord> endpoints)
    {
        var script = new StringBuilder();
        // "add" first so that "delete" never fails; all three are one transaction.
        script.AppendLine($"add table {_table}").AppendLine($"delete table {_table}").AppendLine(Table());
        var all = networks.ToList();
        foreach (var network in all) AppendNetwork(script, "add", network);
        foreach (var endpoint in endpoints) AppendPorts(script, "add", endpoint);
        _nft.Run(script.ToString());
        AllowOnHost(all);
    }

    public bool AllowOnHost(IEnumerable<NetworkRecord> networks) => !options.RespectHostFirewall && _host.Allow(networks.Select(network => network.Bridge));

    public bool IsInPlace()
    {
        try { return _nft.Run($"list table {_table}") is var text && Chains.All(chain => HasRules(text, chain)); }
        catch (IOException) { return false; }
    }

    public void Remove()
    {
        _nft.Run($"add table {_table}\ndelete table {_table}");
        _host.Remove();
    }

    public void AddNetwork(NetworkRecord network)
    {
        _nft.Run(AppendNetwork(new(), "add", network).ToString());
        AllowOnHost([network]);
    }

    public void RemoveNetwork(NetworkRecord network)
    {
        _nft.Run(AppendNetwork(new(), "delete", network).ToString());
        _host.Remove(network.Bridge);
    }

    public void AddPorts(EndpointRecord endpoint) => Ports("add", endpoint);
    public void RemovePorts(EndpointRecord endpoint) => Ports("delete", endpoint);

    private void Ports(string verb, EndpointRecord endpoint)
    {
        if (endpoint.Ports.Any(port => !port.Relayed)) _nft.Run(AppendPorts(new(), verb, endpoint).ToString());
    }

    private static readonly string[] Chains = ["ports", "raw_prerouting", "prerouting", "output", "postrouting", "forward"];

    private static bool HasRules(string text, string chain)
    {
        int start = text.IndexOf($"chain {chain} {{", StringComparison.Ordinal);
        if (start < 0) return false;
        int end = text.IndexOf('}', start);
        // More than the head and, in a base chain, the line with its hook.
        return text.AsSpan(start, end - start).Count('\n') > (chain == "ports" ? 1 : 2);
    }

    /// <summary>
    /// Ports are turned to containers where packets come in and where the host sends them itself; 127.0.0.0/8 only in the second place,
    /// so that no neighbour reaches what is published on the loopback (CVE-2025-54388), and no container the host's own (CVE-2020-8558).
    /// A container that talks to itself or its neighbours over the host's address must see the answer come back the same way: masquerade.
    /// The kernel cannot turn ::1 to another interface: what goes there is relayed (PortHolder).
    /// What goes into a bridge is an answer, a published port, or from the same network; all else is dropped, direct routing too.
    /// </summary>
    private string Table() => $$"""
        table {{_table}} {
          set bridges { type ifname; }
          set internal { type ifname; }
          set unprotected { type ifname; }
          set trusted { type ifname . ifname; }
          set open4 { type ipv4_addr . inet_proto . inet_service; }
          set open6 { type ipv6_addr . inet_proto . inet_service; }
          set open_range4 { type ipv4_addr . inet_proto . inet_service; flags interval; }
          set open_range6 { type ipv6_addr . inet_proto . inet_service; flags interval; }
          set pinged { type ifname; }
          set same { type ifname . ifname; }
          set masquerade4 { type ipv4_addr; flags interval; }
          set masquerade6 { type ipv6_addr; flags interval; }
          map source4 { type ipv4_addr : ipv4_addr; flags interval; }
          map source6 { type ipv6_addr : ipv6_addr; flags interval; }
          set hairpin4 { type ipv4_addr . ipv4_addr; flags interval; }
          set hairpin6 { type ipv6_addr . ipv6_addr; flags interval; }
          map any_port4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
          map any_port6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
          map address_port4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
          map address_port6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
          map any_range4 { type inet_proto . inet_service : ipv4_addr; flags interval; }
          map any_range6 { type inet_proto . inet_service : ipv6_addr; flags interval; }
          map address_range4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr; flags interval; }
          map address_range6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr; flags interval; }
          chain ports {
            dnat ip to ip daddr . meta l4proto . th dport map @address_port4
            dnat ip6 to ip6 daddr . meta l4proto . th dport map @address_port6
            dnat ip to ip daddr . meta l4proto . th dport map @address_range4
            dnat ip6 to ip6 daddr . meta l4proto . th dport map @address_range6
            dnat ip to meta l4proto . th dport map @any_port4
            dnat ip6 to meta l4proto . th dport map @any_port6
            dnat ip to meta l4proto . th dport map @any_range4
            dnat ip6 to meta l4proto . th dport map @any_range6
          }
          chain raw_prerouting {
            type filter hook prerouting priority -300; policy accept;
            iifname @bridges ip daddr 127.0.0.0/8 drop
          }
          chain prerouting {
            type nat hook prerouting priority -100; policy accept;
            ip daddr != 127.0.0.0/8 fib daddr type local jump ports
            ip6 daddr != ::1 fib daddr type local jump ports
          }
          chain output {
            type nat hook output priority -100; policy accept;
            ip6 daddr != ::1 fib daddr type local jump ports
            meta nfproto ipv4 fib daddr type local jump ports
          }
          chain postrouting {
            type nat hook postrouting priority 100; policy accept;
            ip saddr 127.0.0.0/8 oifname @bridges masquerade
            ip saddr . ip daddr @hairpin4 ct status dnat masquerade
            ip6 saddr . ip6 daddr @hairpin6 ct status dnat masquerade
            oifname != @bridges snat ip to ip saddr map @source4
            oifname != @bridges snat ip6 to ip6 saddr map @source6
            ip saddr @masquerade4 oifname != @bridges masquerade
            ip6 saddr @masquerade6 oifname != @bridges masquerade
          }
          chain forward {
            type filter hook forward priority 0; policy accept;
            ct state established,related accept
            iifname . oifname @same accept
            iifname @internal drop
            oifname @internal drop
            oifname @bridges ct status dnat accept
            iifname . oifname @trusted accept
            {{(options.AcceptMark is var (mark, mask) ? $"oifname @bridges meta mark & {mask} == {mark} accept" : "")}}
            oifname @unprotected iifname != @bridges accept
            oifname @bridges ip daddr . meta l4proto . th dport @open4 accept
            oifname @bridges ip6 daddr . meta l4proto . th dport @open6 accept
            oifname @bridges ip daddr . meta l4proto . th dport @open_range4 accept
            oifname @bridges ip6 daddr . meta l4proto . th dport @open_range6 accept
            oifname @pinged meta l4proto { 1, 58 } accept
            oifname @bridges drop
          }
        }
        """;

    private StringBuilder AppendNetwork(StringBuilder script, string verb, NetworkRecord record)
    {
        var network = record.Network;
        var bridge = $"\"{record.Bridge}\"";
        Element("bridges", bridge);
        if (BridgeOptions.Icc(network)) Element("same", $"{bridge} . {bridge}");
        if (network.Internal == true) Element("internal", bridge);
        bool unprotected = false, routed = false;
        foreach (var trusted in BridgeOptions.Trusted(network)) Element("trusted", $"\"{trusted}\" . {bridge}");
        foreach (var config in network.IPAM?.Config ?? [])
        {
            if (!Subnet.TryParse(config.Subnet, out var subnet)) continue;
            string family = subnet.IsIPv6 ? "6" : "4", mode = BridgeOptions.GatewayMode(network, subnet.IsIPv6);
            Element("hairpin" + family, $"{subnet} . {subnet}");
            unprotected |= mode == "nat-unprotected";
            routed |= mode == "routed";
            if (network.Internal != true && mode is "nat" or "nat-unprotected" && BridgeOptions.Masquerade(network))
            {
                if (BridgeOptions.SourceAddress(network, subnet.IsIPv6) is { } source) Element("source" + family, verb == "add" ? $"{subnet} : {source}" : subnet.ToString());
                else Element("masquerade" + family, subnet.ToString());
            }
        }
        if (unprotected) Element("unprotected", bridge);
        if (routed) Element("pinged", bridge);
        return script;

        void Element(string set, string value) => script.AppendLine($"{verb} element {_table} {set} {{ {value} }}");
    }

    private StringBuilder AppendPorts(StringBuilder script, string verb, EndpointRecord endpoint)
    {
        foreach (var run in PortRun.Of(endpoint.Ports.Where(port => !port.Relayed)))
        {
            var port = run.Mapping;
            bool v6 = port.ArrivalAddress.Contains(':'), any = port.ArrivalAddress is "" or "0.0.0.0" or "::";
            var own = v6 ? endpoint.Settings.GlobalIPv6Address : endpoint.Settings.IPAddress;
            var kind = run.IsRange ? "range" : "port";
            var number = run.IsRange ? $"{run.First}-{run.Last}" : $"{run.First}";
            if (port.Routed)
            {
                script.AppendLine($"{verb} element {_table} {(run.IsRange ? "open_range" : "open")}{(v6 ? '6' : '4')} {{ {own} . {NumberOf(port.Protocol)} . {number} }}");
                continue;
            }
            var key = any ? $"{NumberOf(port.Protocol)} . {number}" : $"{port.ArrivalAddress} . {NumberOf(port.Protocol)} . {number}";
            // The ports of a range stay what they are.
            var value = verb == "delete" ? "" : run.IsRange ? $" : {own}" : $" : {own} . {port.ContainerPort}";
            script.AppendLine($"{verb} element {_table} {(any ? "any_" : "address_")}{kind}{(v6 ? '6' : '4')} {{ {key}{value} }}");
        }
        if (options.AllowsDirectRouting) AppendOpen(script, verb, endpoint);
        return script;
    }

    /// <summary>Ports that are reached at the container's own address too (<c>--allow-direct-routing</c>): each once, on however many host ports it is published.</summary>
    private void AppendOpen(StringBuilder script, string verb, EndpointRecord endpoint)
    {
        foreach (var (v6, protocol, port) in endpoint.Ports.Where(port => !port.Relayed && !port.Routed).Select(port => (port.HostAddress.Contains(':'), port.Protocol, port.ContainerPort)).Distinct())
            script.AppendLine($"{verb} element {_table} open{(v6 ? '6' : '4')} {{ {(v6 ? endpoint.Settings.GlobalIPv6Address : endpoint.Settings.IPAddress)} . {NumberOf(protocol)} . {port} }}");
    }

    // As numbers: names are looked up in /etc/protocols, which a machine without netbase has not.
    private static int NumberOf(string protocol) => protocol switch { "tcp" => 6, "udp" => 17, "sctp" => 132, _ => throw new ArgumentException($"no number for protocol {protocol}", nameof(protocol)) };

    public void Dispose() => _nft.Dispose();
}
