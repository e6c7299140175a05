using System.Globalization;
using System.Net;
using Wharf.Linux.Netlink;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Published ports: held by sockets, turned to the container by the firewall.</summary>
public sealed partial class NetworkService
{
    private const int RandomAttempts = 16;
    private const byte IPPROTO_UDP = 17, IPPROTO_SCTP = 132;

    /// <summary>Publishes ports on the endpoints that hold the default routes; gives the endpoints with their ports.</summary>
    private Task<EndpointRecord[]> PublishAsync(SandboxRequest request, EndpointRecord[] records)
    {
        var all = GatewaysOf(records);
        // Ports are published on bridges alone.
        var gateways = new Gateways(all.V4 is { } v4 && Find(v4.NetworkId).IsBridge ? v4 : null, all.V6 is { } v6 && Find(v6.NetworkId).IsBridge ? v6 : null);
        if (gateways.First is not { } gateway) return Task.FromResult(records);
        var ports = new List<PortMapping>();
        foreach (var wanted in PortRequest.Expand(request.PortBindings, request.ExposedPorts, request.PublishAllPorts))
        {
            try { ports.AddRange(HoldAll(request.ContainerId, wanted, gateways)); }
            catch (WharfException error)
            {
                throw new WharfException(error.Kind, $"driver failed programming external connectivity on endpoint {request.ContainerName} ({gateway.Settings.EndpointID}): {error.Message}", error);
            }
        }
        if (ports.Count == 0) return Task.FromResult(records);
        EndpointRecord[] published = [.. records.Select(record => gateways.Include(record) ? record with { Ports = [.. ports.Where(port => gateways.Of(port) == record)] } : record)];
        _endpoints[request.ContainerId] = published;
        foreach (var record in published) _firewall.AddPorts(record);
        ForgetFlows(ports);
        return Task.FromResult(published);
    }

    /// <summary>Holds one port of a range on each of the host addresses that it is wanted on.</summary>
    private List<PortMapping> HoldAll(string containerId, PortWish wish, Gateways gateways)
    {
        var places = PlacesOf(wish, gateways);
        for (int port = wish.From, attempt = 1; ; port++, attempt++)
        {
            var held = new List<PortMapping>();
            int chosen = 0;
            try
            {
                foreach (var place in places)
                {
                    // A free port that the first address got is wanted on the others too.
                    var mapping = place with { HostPort = chosen > 0 ? chosen : wish.From == 0 ? 0 : port, ContainerPort = wish.ContainerPort, Protocol = wish.Protocol };
                    if (mapping.Routed) mapping.HostPort = 0;
                    else mapping.HostPort = chosen = _ports.Hold(containerId, mapping, AddressFor(mapping, gateways.Of(mapping)!));
                    held.Add(mapping);
                }
                return held;
            }
            catch (WharfException)
            {
                foreach (var mapping in held) if (!mapping.Routed) _ports.Release(mapping);
                if (wish.From == 0 ? chosen == 0 || attempt >= RandomAttempts : port >= wish.To) throw;
            }
        }
    }

    /// <summary>
    /// The host addresses to publish on, and how: without a word on it all addresses of both families. IPv6 leads to a container that has
    /// only IPv4 too, through a relay, as docker's proxy does it.
    /// </summary>
    private List<PortMapping> PlacesOf(PortWish wish, Gateways gateways)
    {
        bool v4 = gateways.V4 is not null, v6 = gateways.V6 is not null && !_ports.OnlyIPv4;
        var network = Find(gateways.First!.NetworkId).Network;
        bool canRelay = !v6 && v4 && !_ports.OnlyIPv4 && wish.Protocol != "sctp" && Interfaces.HasIPv6;
        var asked = wish.HostAddress.Length > 0 ? wish.HostAddress : BridgeOptions.HostAddress(network) ?? _options.DefaultHostAddress ?? "";
        var places = new List<PortMapping>();
        if (asked.Length == 0)
        {
            if (v4) places.Add(Place("0.0.0.0"));
            if (v6 || canRelay) places.Add(Place("::"));
            return places;
        }
        if (!Subnet.TryParseAddress(asked, out var address)) throw WharfException.Invalid($"invalid host IP address: \"{asked}\"");
        if (Subnet.IsV6(address) && _ports.OnlyIPv4) throw WharfException.Invalid($"cannot publish on host address {asked}: a rootless daemon publishes ports on IPv4 addresses only");
        if (Subnet.IsV6(address) ? !v6 && !canRelay : !v4)
            throw WharfException.Invalid($"cannot publish on host address {asked}: network {network.Name} has no {(Subnet.IsV6(address) ? "IPv6" : "IPv4")} addresses");
        return [Place(address.ToString())];

        PortMapping Place(string host)
        {
            bool isV6 = host.Contains(':'), relayed = isV6 && !v6;
            return new PortMapping { HostAddress = host, Relayed = relayed, Routed = !relayed && BridgeOptions.GatewayMode(isV6 ? Find(gateways.V6!.NetworkId).Network : network, isV6) == "routed" };
        }
    }

    /// <summary>
    /// Flows of protocols without connections go where their first packet went, for as long as packets come: to a container that is gone, or
    /// to nobody, from before the port was published.
    /// </summary>
    private void ForgetFlows(IEnumerable<PortMapping> ports)
    {
        var destinations = ports.Where(port => port.Protocol != "tcp" && !port.Routed).Select(port => (port.Protocol == "udp" ? IPPROTO_UDP : IPPROTO_SCTP, (ushort)port.ArrivalPort)).ToHashSet();
        if (destinations.Count == 0) return;
        try
        {
            using var tracker = new ConnectionTracker();
            tracker.Forget(destinations);
        }
        catch (SyscallException error) { _log.FlowsNotForgotten(error); }
    }

    private static IPAddress AddressFor(PortMapping port, EndpointRecord endpoint) => IPAddress.Parse(port.HostAddress.Contains(':') && !port.Relayed ? endpoint.Settings.GlobalIPv6Address! : endpoint.Settings.IPAddress!);

    private Dictionary<string, List<PortBinding>?> PortsOf(SandboxRequest request, IEnumerable<EndpointRecord> records)
    {
        var ports = new Dictionary<string, List<PortBinding>?>();
        var gateways = GatewaysOf(records);
        // A plugin publishes ports itself, and tells nobody how.
        if (gateways.First is null || gateways.First.Remote is not null) return ports;
        foreach (var key in request.ExposedPorts) ports[PortRequest.Normal(key)] = null;
        foreach (var mapping in records.OrderByDescending(record => record == gateways.V4).SelectMany(record => record.Ports))
        {
            var key = $"{mapping.ContainerPort}/{mapping.Protocol}";
            if (!ports.TryGetValue(key, out var list) || list is null) ports[key] = list = [];
            list.Add(new PortBinding { HostIp = mapping.HostAddress.Length == 0 ? "0.0.0.0" : mapping.HostAddress, HostPort = mapping.Routed ? "" : mapping.HostPort.ToString(CultureInfo.InvariantCulture) });
        }
        return ports;
    }
}
