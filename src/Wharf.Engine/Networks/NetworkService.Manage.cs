using System.Text.RegularExpressions;
using Wharf.Linux.Netlink;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Creating, describing and removing networks.</summary>
public sealed partial class NetworkService
{
    private static readonly string[] Predefined = ["bridge", "host", "none", "default"];

    public NetworkCreateResponse Create(NetworkCreateRequest request)
    {
        var name = request.Name ?? "";
        if (!NamePattern().IsMatch(name)) throw WharfException.Invalid($"invalid network name \"{name}\": only [a-zA-Z0-9][a-zA-Z0-9_.-]* is allowed");
        if (Predefined.Contains(name)) throw new WharfException(ErrorKind.Forbidden, $"operation is not permitted on predefined {name} network");
        var driver = request.Driver is { Length: > 0 } given ? given : "bridge";
        if (driver is "macvlan" or "ipvlan" or "overlay") throw WharfException.NotImplemented($"network driver \"{driver}\" is not supported");
        if (driver != "bridge") throw WharfException.NotFound($"could not find plugin {driver} in v1 plugin registry: plugin not found");
        if (request.EnableIPv6 == true) throw WharfException.NotImplemented("IPv6 networks are not supported");
        if (request.EnableIPv4 == false) throw WharfException.NotImplemented("networks without IPv4 are not supported");
        lock (_lock)
        {
            if (_networks.Values.Any(record => record.Network.Name == name)) throw WharfException.Conflict($"network with name {name} already exists");
            var network = NewNetwork(name, driver) with { Internal = request.Internal ?? false, Attachable = request.Attachable ?? false, Options = request.Options ?? [], Labels = request.Labels ?? [], IPAM = IpamOf(request.IPAM) };
            var record = new NetworkRecord { Network = network, Bridge = request.Options?.GetValueOrDefault("com.docker.network.bridge.name") ?? FreeBridgeName() };
            _addresses[network.Id!] = AllocatorOf(network);
            EnsureBridge(record);
            try
            {
                _firewall.AddNetwork(record);
                AddRecord(record);
            }
            catch
            {
                if (RouteNetlink.IndexOf(record.Bridge) is { } index) _netlink.DeleteLink(index);
                _addresses.Remove(network.Id!);
                throw;
            }
            _events.Publish("network", "create", network.Id!, new Dictionary<string, string> { ["name"] = name, ["type"] = driver });
            return new NetworkCreateResponse { Id = network.Id, Warning = "" };
        }
    }

    private Ipam IpamOf(Ipam? asked)
    {
        if (asked?.Driver is not (null or "" or "default")) throw WharfException.NotImplemented($"IPAM driver \"{asked.Driver}\" is not supported");
        if (asked?.Config is not { Count: > 0 } configs || configs[0].Subnet is not { Length: > 0 } text) return DefaultIpam(null);
        if (configs.Count > 1) throw WharfException.NotImplemented("several subnets in one network are not supported");
        var config = configs[0];
        if (text.Contains(':')) throw WharfException.NotImplemented("IPv6 networks are not supported");
        var subnet = Subnet.Parse(text);
        if (_networks.Values.SelectMany(record => record.Network.IPAM?.Config ?? []).Any(other => other.Subnet is not null && Subnet.Parse(other.Subnet).Overlaps(subnet)))
            throw new WharfException(ErrorKind.Forbidden, "invalid pool request: Pool overlaps with other one on this address space");
        if (config.IPRange is { Length: > 0 } range && (Subnet.Parse(range).First < subnet.First || Subnet.Parse(range).Last > subnet.Last)) throw WharfException.Invalid($"invalid ip-range {range}: not within subnet {subnet}");
        var gateway = config.Gateway is { Length: > 0 } given ? given : Subnet.ToAddress(subnet.First + 1).ToString();
        if (!Subnet.TryParseAddress(gateway, out uint address) || !subnet.Contains(address)) throw WharfException.Invalid($"invalid gateway {gateway}: not within subnet {subnet}");
        return new Ipam { Driver = "default", Options = asked.Options ?? [], Config = [config with { Subnet = subnet.ToString(), Gateway = gateway }] };
    }

    private string FreeBridgeName()
    {
        for (int number = 1; ; number++)
        {
            var name = BridgeName(number);
            if (_networks.Values.All(record => record.Bridge != name)) return name;
        }
    }

    /// <summary>Describes a network with its containers.</summary>
    public Network Inspect(string nameOrId)
    {
        var record = Find(nameOrId);
        return record.Network with { Containers = EndpointsOn(record.Network.Id!).ToDictionary(endpoint => endpoint.ContainerId, Describe) };
    }

    public IReadOnlyList<Network> List() { lock (_lock) return [.. _networks.Values.Select(record => record.Network with { Containers = [] })]; }

    private IEnumerable<EndpointRecord> EndpointsOn(string networkId) => _endpoints.Values.SelectMany(list => list).Where(endpoint => endpoint.NetworkId == networkId);

    private static NetworkContainer Describe(EndpointRecord endpoint) => new()
    {
        Name = endpoint.ContainerName, EndpointID = endpoint.Settings.EndpointID, MacAddress = endpoint.Settings.MacAddress,
        IPv4Address = $"{endpoint.Settings.IPAddress}/{endpoint.Settings.IPPrefixLen}", IPv6Address = "",
    };

    public void Remove(string nameOrId)
    {
        var record = Find(nameOrId);
        var network = record.Network;
        if (Predefined.Contains(network.Name)) throw new WharfException(ErrorKind.Forbidden, $"{network.Name} is a pre-defined network and cannot be removed");
        lock (_lock)
        {
            if (EndpointsOn(network.Id!).FirstOrDefault() is { } used)
                throw new WharfException(ErrorKind.Forbidden, $"error while removing network: network {network.Name} has active endpoints (name:\"{used.ContainerName}\" id:\"{used.ContainerId[..12]}\")");
            _firewall.RemoveNetwork(record);
            if (RouteNetlink.IndexOf(record.Bridge) is { } index) _netlink.DeleteLink(index);
            _bridgeIndexes.TryRemove(record.Bridge, out int _);
            _store.Remove(network.Id!);
            _networks.Remove(network.Id!);
            _addresses.Remove(network.Id!);
        }
        _events.Publish("network", "destroy", network.Id!, new Dictionary<string, string> { ["name"] = network.Name!, ["type"] = network.Driver! });
    }

    /// <summary>Removes networks that no container is on; returns their names.</summary>
    public List<string> Prune(Func<Network, bool> matches)
    {
        var removed = new List<string>();
        foreach (var network in List())
        {
            if (Predefined.Contains(network.Name) || EndpointsOn(network.Id!).Any() || !matches(network)) continue;
            Remove(network.Id!);
            removed.Add(network.Name!);
        }
        return removed;
    }

    [GeneratedRegex(@"^[a-zA-Z0-9][a-zA-Z0-9_.-]*\z", RegexOptions.CultureInvariant)] private static partial Regex NamePattern();
}
