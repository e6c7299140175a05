using Wharf.Specs.Shim;

namespace Wharf.Engine.Networks;

/// <summary>What containers are called on networks that have names: all but the default bridge, host and none.</summary>
public sealed partial class NetworkService
{
    private bool HasNames(EndpointRecord record) => record.Interface.Length > 0 && Find(record.NetworkId).Network.Name != DefaultBridge;

    /// <summary>The ID of a network, empty where there is none of that name.</summary>
    public string IdOf(string name) => TryFind(name)?.Network.Id ?? "";

    /// <summary>Whether containers find each other by name on a network.</summary>
    public bool HasNames(string name) => TryFind(name) is { Network: { Driver: not ("host" or "null"), Name: not DefaultBridge } };

    /// <summary>A network's own name; what is given where there is none.</summary>
    public string NameOf(string nameOrId) => TryFind(nameOrId)?.Network.Name ?? nameOrId;

    /// <summary>The one of several names and IDs that means the same network; null when none does, or there is no such network.</summary>
    public string? AliasOf(string nameOrId, IEnumerable<string> others) =>
        TryFind(nameOrId)?.Network is { } network ? others.FirstOrDefault(other => other == network.Name || other == network.Id) : null;

    private NetworkRecord? TryFind(string name)
    {
        lock (_lock) return _networks.Values.FirstOrDefault(record => record.Network.Name == name || record.Network.Id == name);
    }

    /// <summary>A running container's names, network by network in the order in which they are asked: that of the default route first.</summary>
    public List<DnsEndpoint> NamesOf(string containerId)
    {
        var records = _endpoints.GetValueOrDefault(containerId, []);
        var gateways = GatewaysOf(records);
        return [.. records.Where(HasNames).OrderByDescending(gateways.Include).Select(record => new DnsEndpoint
        {
            NetworkId = record.NetworkId, NetworkName = Find(record.NetworkId).Network.Name!, Names = record.Settings.DNSNames ?? [],
            IPv4 = record.Settings.IPAddress is { Length: > 0 } v4 ? v4 : null, IPv6 = record.Settings.GlobalIPv6Address is { Length: > 0 } v6 ? v6 : null,
        })];
    }

    /// <summary>Whether a network of the container's leads out: else nothing it asks may leave the machine (CVE-2024-29018).</summary>
    public bool LeadsOut(string containerId) => _endpoints.GetValueOrDefault(containerId, []).Any(record => record.Interface.Length > 0 && Find(record.NetworkId).Network.Internal != true);
}
