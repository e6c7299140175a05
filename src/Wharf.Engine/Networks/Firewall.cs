using System.Text;
using Wharf.Linux.Nftables;

namespace Wharf.Engine.Networks;

/// <summary>
/// The daemon's one nftables table. Networks and ports are elements of sets and maps, so that a thousand published ports are still one
/// rule; every change is one transaction.
/// </summary>
internal sealed class Firewall(string tag) : IDisposable
{
    private readonly NftablesContext _nft = new();
    private readonly string _table = $"ip wharf_{tag}";

    /// <summary>Puts the whole table in place, replacing what is there.</summary>
    public void Install(IEnumerable<NetworkRecord> networks, IEnumerable<(PortMapping Port, string Address)> ports)
    {
        var script = new StringBuilder();
        // "add" first so that "delete" never fails; all three are one transaction.
        script.AppendLine($"add table {_table}").AppendLine($"delete table {_table}").AppendLine(Table());
        foreach (var network in networks) script.AppendLine(NetworkElements("add", network));
        foreach (var (port, address) in ports) script.AppendLine(PortElement("add", port, address));
        _nft.Run(script.ToString());
    }

    public void Remove() => _nft.Run($"add table {_table}\ndelete table {_table}");
    public void AddNetwork(NetworkRecord network) => _nft.Run(NetworkElements("add", network));
    public void RemoveNetwork(NetworkRecord network) => _nft.Run(NetworkElements("delete", network));
    public void AddPorts(IReadOnlyCollection<PortMapping> ports, string address) => Ports("add", ports, address);
    public void RemovePorts(IReadOnlyCollection<PortMapping> ports, string address) => Ports("delete", ports, address);

    private void Ports(string verb, IReadOnlyCollection<PortMapping> ports, string address)
    {
        if (ports.Count > 0) _nft.Run(string.Join('\n', ports.Select(port => PortElement(verb, port, address))));
    }

    private string Table() => $$"""
        table {{_table}} {
          set bridges { type ifname; }
          set internal { type ifname; }
          set isolated { type ifname; }
          set same { type ifname . ifname; }
          set subnets { type ipv4_addr; flags interval; }
          map any_port { type inet_proto . inet_service : ipv4_addr . inet_service; }
          map address_port { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
          chain raw_prerouting {
            type filter hook prerouting priority raw; policy accept;
            iifname @bridges ip daddr 127.0.0.0/8 drop
          }
          chain ports {
            meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @address_port
            meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @any_port
          }
          chain prerouting {
            type nat hook prerouting priority dstnat; policy accept;
            fib daddr type local jump ports
          }
          chain output {
            type nat hook output priority -100; policy accept;
            fib daddr type local jump ports
          }
          chain postrouting {
            type nat hook postrouting priority srcnat; policy accept;
            ip saddr 127.0.0.0/8 oifname @bridges masquerade
            ip saddr @subnets oifname @bridges ct status dnat masquerade
            ip saddr @subnets oifname != @bridges masquerade
          }
          chain forward {
            type filter hook forward priority filter; policy accept;
            ct state established,related accept
            iifname @internal drop
            oifname @internal drop
            oifname @bridges ct status dnat accept
            iifname @isolated oifname @isolated drop
            iifname . oifname @same accept
            oifname @bridges drop
          }
        }
        """;

    private string NetworkElements(string verb, NetworkRecord network)
    {
        var subnet = network.Network.IPAM!.Config![0].Subnet;
        var bridge = network.Bridge;
        var script = new StringBuilder();
        script.AppendLine($"{verb} element {_table} bridges {{ \"{bridge}\" }}");
        bool isolated = network.Network.Options?.GetValueOrDefault("com.docker.network.bridge.enable_icc") == "false";
        if (isolated) script.AppendLine($"{verb} element {_table} isolated {{ \"{bridge}\" }}");
        else script.AppendLine($"{verb} element {_table} same {{ \"{bridge}\" . \"{bridge}\" }}");
        if (network.Network.Internal == true) script.AppendLine($"{verb} element {_table} internal {{ \"{bridge}\" }}");
        else if (network.Network.Options?.GetValueOrDefault("com.docker.network.bridge.enable_ip_masquerade") != "false") script.AppendLine($"{verb} element {_table} subnets {{ {subnet} }}");
        return script.ToString();
    }

    private string PortElement(string verb, PortMapping port, string address)
    {
        bool any = port.HostAddress is "" or "0.0.0.0";
        var key = any ? $"{port.Protocol} . {port.HostPort}" : $"{port.HostAddress} . {port.Protocol} . {port.HostPort}";
        return verb == "delete" ? $"delete element {_table} {(any ? "any_port" : "address_port")} {{ {key} }}"
            : $"add element {_table} {(any ? "any_port" : "address_port")} {{ {key} : {address} . {port.ContainerPort} }}";
    }

    public void Dispose() => _nft.Dispose();
}
