using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Networks;

/// <summary>Says in words who can reach a container, and through which rule.</summary>
public sealed partial class NetworkService
{
    /// <summary>Lines about all of a running container's networks, or about one of its ports.</summary>
    public List<string> Explain(string containerId, (int Port, string Protocol)? asked)
    {
        var lines = new List<string>();
        var records = _endpoints.GetValueOrDefault(containerId, []);
        var gateways = GatewaysOf(records);
        foreach (var record in records) ExplainEndpoint(lines, record, gateways.Include(record));
        var ports = records.SelectMany(record => record.Ports.Select(port => (Record: record, Port: port))).Where(pair => asked is null || (pair.Port.ContainerPort, pair.Port.Protocol) == asked).ToList();
        foreach (var (record, port) in ports) lines.Add(Explain(port));
        if (ports.Count == 0) lines.Add(asked is { } one ? $"Port {one.Port}/{one.Protocol} is not published: no other machine reaches it, and containers of other networks do not." : "No port is published: no other machine reaches it.");
        lines.Add(_options.RespectHostFirewall
            ? "The host's own forward rules apply too (--firewall=respect): what they drop does not get here, whatever is said above."
            : "The host's iptables chain FORWARD lets packets of these bridges pass; rules in other nftables tables of the host may still drop them.");
        return lines;
    }

    private void ExplainEndpoint(List<string> lines, EndpointRecord record, bool isGateway)
    {
        var network = Find(record.NetworkId);
        var name = network.Network.Name!;
        var neighbours = EndpointsOn(record.NetworkId).Where(other => other.ContainerId != record.ContainerId).Select(other => other.ContainerName).Order(StringComparer.Ordinal).ToList();
        switch (network.Network.Driver)
        {
            case "host":
                lines.Add("It is in the host's network: whoever reaches the host's addresses reaches what listens in it; only the host's firewall is between.");
                return;
            case "null":
                lines.Add("It has no network but its own loopback: nobody reaches it.");
                return;
        }
        var addresses = string.Join(" and ", AddressesOf(record));
        if (network.IsRemote)
        {
            lines.Add($"Network {name} is the plugin {network.Network.Driver}'s: it is {addresses} there, as {record.Interface}; who reaches it the plugin decides.");
            return;
        }
        lines.Add($"Network {name} ({network.Network.Driver} on {network.Bridge}): it is {addresses} there, as {record.Interface}{(isGateway ? ", and its way out goes through it" : "")}.");
        var others = neighbours.Count == 0 ? "no other container is on it now" : string.Join(", ", neighbours);
        if (!network.IsBridge)
        {
            lines.Add($"  The machines on the net of {network.Bridge} and the network's containers ({others}) reach every port; this host does not. The firewall has no part in it.");
            return;
        }
        lines.Add(BridgeOptions.Icc(network.Network)
            ? $"  Containers of this network ({others}) reach every port (set same, chain forward)."
            : $"  Containers of this network ({others}) are kept apart, but for published ports (enable_icc=false: not in set same).");
        lines.Add(BridgeOptions.IsIsolated(network.Network, v6: false) ? "  This host has no address on it (gateway mode isolated)." : "  This host reaches every port at that address: what it sends itself is not filtered.");
        if (network.Network.Internal == true) lines.Add("  The network is internal: nothing gets in from outside or out of it (set internal, chain forward).");
        else lines.Add($"  Containers of other networks and other machines are turned away (chain forward: what goes into {network.Bridge} without an answer to come is dropped), but for published ports{(BridgeOptions.GatewayMode(network.Network, v6: false) == "nat-unprotected" ? "; though gateway mode nat-unprotected lets other machines in at every port" : "")}.");
        if (isGateway) lines.Add(BridgeOptions.Masquerade(network.Network) && BridgeOptions.GatewayMode(network.Network, v6: false).StartsWith("nat", StringComparison.Ordinal) ? "  What it sends out leaves under the host's address (set masquerade4, chain postrouting)." : "  What it sends out leaves under its own address.");
        foreach (var trusted in BridgeOptions.Trusted(network.Network)) lines.Add($"  What comes in by the host's interface {trusted} reaches every port (set trusted).");
    }

    private string Explain(PortMapping port)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{port.ContainerPort}/{port.Protocol}");
        bool v6 = port.HostAddress.Contains(':');
        if (port.Routed) return $"Port {key} is open at the container's own address to every machine that routes there (gateway mode routed: set open{(v6 ? 6 : 4)}, chain forward).";
        var host = v6 ? $"[{port.HostAddress}]:{port.HostPort}" : $"{port.HostAddress}:{port.HostPort}";
        var who = port.HostAddress switch
        {
            "0.0.0.0" or "" => "this host by any of its IPv4 addresses and 127.0.0.1, other machines that reach one of these, and all containers by them",
            "::" => "this host by any of its IPv6 addresses and ::1, other machines that reach one of these",
            "127.0.0.1" or "::1" => "this host alone",
            var one when System.Net.IPAddress.IsLoopback(System.Net.IPAddress.Parse(one)) => "this host alone",
            var one => $"whoever reaches the host's address {one}",
        };
        var how = port.Relayed
            ? $"through a relay in the daemon, as the container has no IPv6: it sees the host as the client, and nothing answers while the daemon is down"
            : _firewall.TurnsPorts ? $"{_firewall.PlaceOf(port)}; the container sees the client's own address"
            : $"{_firewall.PlaceOf(port)}: through a relay in the daemon, the container sees the host as the client";
        return $"Port {key} is published on {host}: {who} ({how}).";
    }
}
