using System.Globalization;
using System.Net;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Published ports: held by sockets, turned to the container by the firewall.</summary>
public sealed partial class NetworkService
{
    private const int RandomAttempts = 16;

    /// <summary>Publishes ports on the endpoint that holds the default route; gives the endpoints with their ports.</summary>
    private Task<EndpointRecord[]> PublishAsync(SandboxRequest request, EndpointRecord[] records)
    {
        if (GatewayOf(records) is not { } gateway || Find(gateway.NetworkId) is not { IsBridge: true } network) return Task.FromResult(records);
        var ports = new List<PortMapping>();
        foreach (var wanted in PortRequest.Expand(request.PortBindings, request.ExposedPorts, request.PublishAllPorts))
        {
            try { ports.AddRange(HoldAll(request.ContainerId, wanted, gateway, network.Network)); }
            catch (WharfException error)
            {
                throw new WharfException(error.Kind, $"driver failed programming external connectivity on endpoint {request.ContainerName} ({gateway.Settings.EndpointID}): {error.Message}", error);
            }
        }
        if (ports.Count == 0) return Task.FromResult(records);
        var published = gateway with { Ports = ports };
        EndpointRecord[] all = [.. records.Select(record => record == gateway ? published : record)];
        _endpoints[request.ContainerId] = all;
        _firewall.AddPorts(published);
        return Task.FromResult(all);
    }

    /// <summary>Holds one port of a range on each of the host addresses that it is wanted on.</summary>
    private List<PortMapping> HoldAll(string containerId, PortWish wish, EndpointRecord endpoint, Network network)
    {
        var addresses = HostAddresses(wish, endpoint, network);
        for (int port = wish.From, attempt = 1; ; port++, attempt++)
        {
            var held = new List<PortMapping>();
            try
            {
                foreach (var address in addresses)
                {
                    // A free port that the first address got is wanted on the others too.
                    var mapping = new PortMapping { HostAddress = address, HostPort = held.Count > 0 ? held[0].HostPort : wish.From == 0 ? 0 : port, ContainerPort = wish.ContainerPort, Protocol = wish.Protocol };
                    mapping.HostPort = _ports.Hold(containerId, mapping, AddressFor(mapping, endpoint));
                    held.Add(mapping);
                }
                return held;
            }
            catch (WharfException)
            {
                foreach (var mapping in held) _ports.Release(mapping);
                if (wish.From == 0 ? held.Count == 0 || attempt >= RandomAttempts : port >= wish.To) throw;
            }
        }
    }

    private static List<string> HostAddresses(PortWish wish, EndpointRecord endpoint, Network network)
    {
        bool v4 = endpoint.Settings.IPAddress is { Length: > 0 }, v6 = endpoint.Settings.GlobalIPv6Address is { Length: > 0 };
        if (wish.HostAddress.Length == 0)
        {
            var addresses = new List<string>();
            if (v4) addresses.Add(BridgeOptions.HostAddress(network));
            if (v6) addresses.Add("::");
            return addresses;
        }
        if (!Subnet.TryParseAddress(wish.HostAddress, out var address)) throw WharfException.Invalid($"invalid host IP address: \"{wish.HostAddress}\"");
        if (Subnet.IsV6(address) ? !v6 : !v4)
            throw WharfException.Invalid($"cannot publish on host address {wish.HostAddress}: network {network.Name} has no {(Subnet.IsV6(address) ? "IPv6" : "IPv4")} addresses");
        return [address.ToString()];
    }

    private static IPAddress AddressFor(PortMapping port, EndpointRecord endpoint) => IPAddress.Parse(port.HostAddress.Contains(':') ? endpoint.Settings.GlobalIPv6Address! : endpoint.Settings.IPAddress!);

    private static Dictionary<string, List<PortBinding>?> PortsOf(SandboxRequest request, IEnumerable<EndpointRecord> records)
    {
        var ports = new Dictionary<string, List<PortBinding>?>();
        if (records.All(record => record.Interface.Length == 0)) return ports;
        foreach (var key in request.ExposedPorts) ports[key] = null;
        foreach (var mapping in records.SelectMany(record => record.Ports))
        {
            var key = $"{mapping.ContainerPort}/{mapping.Protocol}";
            if (!ports.TryGetValue(key, out var list) || list is null) ports[key] = list = [];
            list.Add(new PortBinding { HostIp = mapping.HostAddress.Length == 0 ? "0.0.0.0" : mapping.HostAddress, HostPort = mapping.HostPort.ToString(CultureInfo.InvariantCulture) });
        }
        return ports;
    }
}
