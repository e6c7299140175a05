using Wharf.Engine.Networks.Plugins;
using Wharf.Linux.Netlink;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Creating, describing and removing networks.</summary>
public sealed partial class NetworkService
{
    private static readonly string[] Predefined = ["bridge", "host", "none", "default"];

    public async Task<NetworkCreateResponse> CreateAsync(NetworkCreateRequest request, CancellationToken cancellation)
    {
        NetworkCreateRules.Check(request);
        Network network;
        lock (_lock) (request, network) = Draft(request);
        if (network.ConfigOnly != true && (!NetworkCreateRules.IsBuiltIn(network.Driver) || HasIpamPlugin(request.IPAM))) return await CreateByPluginAsync(request, network, cancellation);
        lock (_lock)
        {
            RequireFree(network.Name!);
            Add(network.ConfigOnly == true ? new NetworkRecord { Network = network with { IPAM = new Ipam { Driver = "default", Options = request.IPAM?.Options, Config = request.IPAM?.Config } } } : Make(request, network, pools: null));
        }
        return new NetworkCreateResponse { Id = network.Id, Warning = "" };
    }

    /// <summary>The network as asked for, without addresses, and the request with what it borrows.</summary>
    private (NetworkCreateRequest, Network) Draft(NetworkCreateRequest request)
    {
        var name = request.Name!;
        RequireFree(name);
        if (request.ConfigFrom?.Network is { Length: > 0 } lender) request = Borrow(request, lender);
        var driver = request.ConfigOnly == true ? "null" : request.Driver is { Length: > 0 } given ? given : "bridge";
        var options = WithDefaults(driver, request.Options);
        // The field of the request decides; docker keeps no option that says otherwise.
        if (request.EnableIPv4 is not null) options.Remove(BridgeOptions.EnableIPv4);
        if (request.EnableIPv6 is not null) options.Remove(BridgeOptions.EnableIPv6);
        return (request, NewNetwork(name, driver) with
        {
            Internal = request.Internal ?? false, Attachable = request.Attachable ?? false, Options = options, Labels = request.Labels ?? [],
            EnableIPv4 = NetworkCreateRules.UsesIPv4(request), EnableIPv6 = NetworkCreateRules.UsesIPv6(request), Scope = request.Scope is { Length: > 0 } scope ? scope : "local",
            ConfigOnly = request.ConfigOnly ?? false, ConfigFrom = new ConfigReference { Network = request.ConfigFrom?.Network ?? "" },
        });
    }

    private void RequireFree(string name)
    {
        if (_networks.Values.Any(record => record.Network.Name == name)) throw WharfException.Conflict($"network with name {name} already exists");
    }

    private void Add(NetworkRecord record)
    {
        AddRecord(record);
        _addresses[record.Network.Id!] = new NetworkAddresses(record.Network);
        PublishEvent("create", record.Network);
    }

    /// <summary>Settings that another network lends (docker's config-only networks).</summary>
    private NetworkCreateRequest Borrow(NetworkCreateRequest request, string lender)
    {
        var from = _networks.Values.FirstOrDefault(record => record.Network.ConfigOnly == true && (record.Network.Name == lender || record.Network.Id == lender))?.Network
            ?? throw WharfException.NotFound($"configuration network \"{lender}\" does not exist");
        return request with { IPAM = from.IPAM, Options = from.Options, Labels = from.Labels, EnableIPv6 = from.EnableIPv6, EnableIPv4 = from.EnableIPv4 };
    }

    /// <summary>The daemon's own options of a driver (<c>default-network-opts</c>) under those of the request.</summary>
    private Dictionary<string, string> WithDefaults(string driver, Dictionary<string, string>? asked)
    {
        var options = new Dictionary<string, string>(asked ?? []);
        if (_options.DefaultNetworkOptions.TryGetValue(driver, out var defaults))
            foreach (var (key, value) in defaults) options.TryAdd(key, value);
        return options;
    }

    /// <summary>Brings a new network up on the host; on failure nothing of it is left.</summary>
    private NetworkRecord Make(NetworkCreateRequest request, Network network, List<PoolLease>? pools)
    {
        var asked = request.IPAM?.Config ?? [];
        network.IPAM = pools is null ? IpamOf(request, network) : IpamOf(request, pools);
        var record = new NetworkRecord
        {
            Network = network, Pools = pools, Bridge = HostInterfaceOf(network), UserSubnets = asked.Count > 0, OwnParent = network.Driver is "macvlan" or "ipvlan" && ParentOptions.Of(network) is null,
            Shown = asked.Count > 0 ? [.. asked.OrderBy(config => Subnet.Parse(config.Subnet!).IsIPv6), .. network.IPAM.Config!.Where(config => !asked.Exists(own => Subnet.Parse(own.Subnet!) == Subnet.Parse(config.Subnet!)))] : null,
        };
        if (record.IsBridge && RouteNetlink.IndexOf(record.Bridge) is not null)
        {
            if (!Interfaces.IsBridge(record.Bridge)) throw new WharfException(ErrorKind.Internal, $"existing interface {record.Bridge} is not a bridge");
            record.ForeignBridge = true;
        }
        ParentOptions.CheckShared(network, OthersOn(record).Select(other => other.Network));
        record = BringUp(record);
        try
        {
            if (record.IsBridge) _firewall.AddNetwork(record);
            if (record.IsBridge) _firewalld?.Add([record.Bridge]);
            return record;
        }
        catch
        {
            TakeDown(record);
            throw;
        }
    }

    /// <summary>The user's subnets of the families in use, and chosen ones for the families without.</summary>
    private Ipam IpamOf(NetworkCreateRequest request, Network network)
    {
        var configs = new List<IpamConfig>();
        foreach (var config in request.IPAM?.Config ?? [])
        {
            var subnet = Subnet.Parse(config.Subnet!);
            if (subnet.IsIPv6 ? network.EnableIPv6 != true : network.EnableIPv4 != true) continue;
            if (SubnetsInUse().Any(subnet.Overlaps)) throw new WharfException(ErrorKind.Forbidden, "invalid pool request: Pool overlaps with other one on this address space");
            var own = config with { Subnet = subnet.ToString(), Gateway = config.Gateway is { Length: > 0 } gateway ? gateway : BridgeOptions.IsIsolated(network, subnet.IsIPv6) ? null : GatewayIn(subnet, config.IPRange) };
            if (subnet.IsIPv6 && subnet.First >> 120 == 0xff) throw WharfException.Invalid($"multicast subnet '{own.Gateway ?? subnet.ToAddress(subnet.First).ToString()}/{subnet.PrefixLength}' is not allowed");
            NetworkCreateRules.CheckReserved(own);
            configs.Add(own);
        }
        if (network.EnableIPv4 == true && !configs.Exists(config => !Subnet.Parse(config.Subnet!).IsIPv6)) configs.Insert(0, ChooseSubnet(v6: false));
        if (network.EnableIPv6 == true && !configs.Exists(config => Subnet.Parse(config.Subnet!).IsIPv6)) configs.Add(ChooseSubnet(v6: true));
        foreach (var config in configs)
            if (BridgeOptions.IsIsolated(network, Subnet.Parse(config.Subnet!).IsIPv6)) config.Gateway = null;
        return new Ipam { Driver = "default", Options = request.IPAM?.Options, Config = configs };
    }

    /// <summary>Without a word on it the gateway is the first address, of the range if there is one.</summary>
    private static string GatewayIn(Subnet subnet, string? range)
    {
        var from = Subnet.TryParse(range, out var inner) ? inner : subnet;
        bool plain = subnet.PrefixLength > subnet.Bits - 2 || from.First != subnet.First;
        return subnet.ToAddress(plain ? from.First : from.First + 1).ToString();
    }

    private string HostInterfaceOf(Network network)
    {
        if (!NetworkCreateRules.IsBuiltIn(network.Driver)) return "";
        if (network.Driver != "bridge")
            return ParentOptions.Of(network) ?? $"dm-{network.Id![..12]}";
        if (network.Options!.GetValueOrDefault(BridgeOptions.Name) is { Length: > 0 } chosen)
        {
            if (_networks.Values.FirstOrDefault(record => record.Bridge == chosen) is { } other)
                throw new WharfException(ErrorKind.Forbidden, $"cannot create network {network.Id} ({chosen}): conflicts with network {other.Network.Id} ({chosen}): networks have same bridge name");
            return chosen;
        }
        return $"br-{network.Id![..12]}";
    }

    /// <summary>Describes a network with its containers, and with its addresses if asked.</summary>
    public Network Inspect(string nameOrId, bool withStatus = false)
    {
        // As in docker it stands for the default bridge in requests of containers alone.
        if (nameOrId == "default") throw WharfException.NotFound($"network {nameOrId} not found");
        var record = Find(nameOrId);
        return Shown(record) with { Containers = EndpointsOn(record.Network.Id!).ToDictionary(endpoint => endpoint.ContainerId, Describe), Status = withStatus ? StatusOf(record) : null };
    }

    /// <summary>How many addresses are taken and free; null where they are not ours to count.</summary>
    private NetworkStatus? StatusOf(NetworkRecord record)
    {
        if (record.Pools is not null || record.Network.ConfigOnly == true) return null;
        lock (_lock)
        {
            if (!_addresses.TryGetValue(record.Network.Id!, out var addresses)) return null;
            var pools = new[] { addresses.V4, addresses.V6 }.OfType<AddressAllocator>().ToDictionary(pool => pool.Subnet.ToString(), pool => pool.Status);
            return pools.Count == 0 ? null : new NetworkStatus { IPAM = new IpamStatus { Subnets = pools } };
        }
    }

    private static Network Shown(NetworkRecord record) => record.Shown is null ? record.Network : record.Network with { IPAM = record.Network.IPAM! with { Config = record.Shown } };

    public IReadOnlyList<Network> List() { lock (_lock) return [.. _networks.Values.Select(record => Shown(record) with { Containers = [] })]; }

    /// <summary>Whether running containers are on a network.</summary>
    public bool IsUsed(string networkId) => EndpointsOn(networkId).Any();

    private IEnumerable<EndpointRecord> EndpointsOn(string networkId) => AllEndpoints().Where(endpoint => endpoint.NetworkId == networkId);

    private static NetworkContainer Describe(EndpointRecord endpoint) => new()
    {
        Name = endpoint.ContainerName, EndpointID = endpoint.Settings.EndpointID, MacAddress = endpoint.Settings.MacAddress ?? "",
        IPv4Address = endpoint.Settings.IPAddress is { Length: > 0 } v4 ? $"{v4}/{endpoint.Settings.IPPrefixLen}" : "",
        IPv6Address = endpoint.Settings.GlobalIPv6Address is { Length: > 0 } v6 ? $"{v6}/{endpoint.Settings.GlobalIPv6PrefixLen}" : "",
    };

    public async Task RemoveAsync(string nameOrId, CancellationToken cancellation)
    {
        if (Remove(nameOrId) is { } record && (record.IsRemote || record.Pools is not null)) await RemoveByPluginAsync(record, cancellation);
    }

    private NetworkRecord Remove(string nameOrId)
    {
        if (nameOrId == "default") throw WharfException.NotFound($"network {nameOrId} not found");
        var record = Find(nameOrId);
        var network = record.Network;
        if (Predefined.Contains(network.Name)) throw new WharfException(ErrorKind.Forbidden, $"{network.Name} is a pre-defined network and cannot be removed");
        lock (_lock)
        {
            if (!_networks.ContainsKey(network.Id!)) throw WharfException.NotFound($"network {nameOrId} not found");
            var used = EndpointsOn(network.Id!).OrderBy(endpoint => endpoint.ContainerName, StringComparer.Ordinal).Select(endpoint => $"name:\"{endpoint.ContainerName}\" id:\"{endpoint.Settings.EndpointID![..12]}\"").ToList();
            if (used.Count > 0) throw new WharfException(ErrorKind.Forbidden, $"error while removing network: network {network.Name} has active endpoints ({string.Join(", ", used)})");
            if (network.ConfigOnly == true && _networks.Values.Any(other => other.Network.ConfigFrom?.Network is { Length: > 0 } lender && (lender == network.Name || lender == network.Id)))
                throw new WharfException(ErrorKind.Forbidden, $"error while removing network: configuration network \"{network.Name}\" is in use");
            _pool.Drop(network.Id!);
            if (record.IsBridge && _hostIndexes.ContainsKey(record.Bridge)) _firewall.RemoveNetwork(record);
            if (record.IsBridge) _firewalld?.Remove(record.Bridge);
            TakeDown(record);
            _store.Remove(network.Id!);
            _networks.Remove(network.Id!);
            _addresses.Remove(network.Id!);
        }
        PublishEvent("destroy", network);
        return record;
    }

    /// <summary>Removes networks that no running container is on; returns their names.</summary>
    public async Task<List<string>> PruneAsync(Func<Network, bool> matches, CancellationToken cancellation)
    {
        var removed = new List<string>();
        foreach (var network in List())
        {
            if (Predefined.Contains(network.Name) || IsUsed(network.Id!) || !matches(network)) continue;
            try { await RemoveAsync(network.Id!, cancellation); }
            catch (WharfException error) when (error.Kind is ErrorKind.Forbidden or ErrorKind.NotFound) { continue; } // used or removed a moment ago
            removed.Add(network.Name!);
        }
        return removed;
    }

    private void PublishEvent(string action, Network network, string? container = null)
    {
        var attributes = new Dictionary<string, string> { ["name"] = network.Name!, ["type"] = network.Driver! };
        if (container is not null) attributes["container"] = container;
        _events.Publish("network", action, network.Id!, attributes);
    }
}
