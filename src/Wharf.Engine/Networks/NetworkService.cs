using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Wharf.Engine.Events;
using Wharf.Engine.State;
using Wharf.Linux.Fds;
using Wharf.Linux.Netlink;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Networks and the endpoints of containers on them. What runs in the kernel outlives the daemon; the next takes it over.</summary>
public sealed partial class NetworkService : IDisposable
{
    public const string DefaultBridge = "bridge";

    private readonly DaemonOptions _options;
    private readonly NetworkStore _store;
    private readonly EventService _events;
    private readonly ILogger _log;
    private readonly Firewall _firewall;
    private readonly PortHolder _ports = new();
    private readonly RouteNetlink _netlink = new();
    // Networks are few and change rarely; one lock for them and their addresses.
    private readonly Lock _lock = new();
    private readonly Dictionary<string, NetworkRecord> _networks = [];
    private readonly Dictionary<string, AddressAllocator> _addresses = [];
    private readonly ConcurrentDictionary<string, List<EndpointRecord>> _endpoints = new();

    public NetworkService(DaemonOptions options, StateStore state, EventService events, ILoggerFactory logs)
    {
        (_options, _store, _events, _log) = (options, new NetworkStore(state), events, logs.CreateLogger("Wharf.Networks"));
        _firewall = new Firewall(options.InstanceTag);
    }

    /// <summary>The host's address on the default bridge.</summary>
    public string HostGateway => Find(DefaultBridge).Network.IPAM!.Config![0].Gateway!;

    /// <summary>Restores networks, bridges and firewall rules; live endpoints are confirmed by <see cref="AdoptAsync"/> or torn down.</summary>
    public Task StartAsync(CancellationToken cancellation) => Task.Run(() =>
    {
        foreach (var record in _store.Networks()) _networks[record.Network.Id!] = record;
        EnsurePredefined();
        foreach (var record in _networks.Values.Where(record => record.Bridge.Length > 0)) _addresses[record.Network.Id!] = AllocatorOf(record.Network);
        foreach (var endpoint in _store.Endpoints())
        {
            if (!_networks.ContainsKey(endpoint.NetworkId)) continue;
            if (Subnet.TryParseAddress(endpoint.Settings.IPAddress, out uint address)) _addresses[endpoint.NetworkId].Adopt(address);
            _endpoints.GetOrAdd(endpoint.ContainerId, _ => []).Add(endpoint);
        }
        File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1");
        foreach (var record in _networks.Values.Where(record => record.Bridge.Length > 0)) EnsureBridge(record);
        _firewall.Install(_networks.Values.Where(record => record.Bridge.Length > 0), _endpoints.Values.SelectMany(list => list).SelectMany(endpoint => endpoint.Ports.Select(port => (port, endpoint.Settings.IPAddress!))));
    }, cancellation);

    /// <summary>At the daemon's end: with no container running, bridges and rules go; else all stays for the next daemon.</summary>
    public Task StopAsync(bool anyRunning, CancellationToken cancellation) => anyRunning ? Task.CompletedTask : Task.Run(() =>
    {
        foreach (var record in _networks.Values.Where(record => record.Bridge.Length > 0))
            if (RouteNetlink.IndexOf(record.Bridge) is { } index) _netlink.DeleteLink(index);
        _firewall.Remove();
    }, cancellation);

    private void EnsurePredefined()
    {
        foreach (var (name, driver) in (ReadOnlySpan<(string, string)>)[("host", "host"), ("none", "null")])
        {
            if (_networks.Values.Any(record => record.Network.Name == name)) continue;
            AddRecord(new NetworkRecord { Network = NewNetwork(name, driver) with { IPAM = new Ipam { Driver = "default", Config = [] } } });
        }
        if (_networks.Values.Any(record => record.Network.Name == DefaultBridge)) return;
        var network = NewNetwork(DefaultBridge, "bridge");
        var bridge = BridgeName(0);
        network.Options = new()
        {
            ["com.docker.network.bridge.default_bridge"] = "true", ["com.docker.network.bridge.enable_icc"] = "true", ["com.docker.network.bridge.enable_ip_masquerade"] = "true",
            ["com.docker.network.bridge.host_binding_ipv4"] = "0.0.0.0", ["com.docker.network.bridge.name"] = bridge, ["com.docker.network.driver.mtu"] = "1500",
        };
        network.IPAM = DefaultIpam(_options.BridgeAddress);
        AddRecord(new NetworkRecord { Network = network, Bridge = bridge });
    }

    private Ipam DefaultIpam(string? bridgeAddress)
    {
        if (bridgeAddress is null)
        {
            var subnet = AddressPools.Choose(TakenSubnets()) ?? throw WharfException.Unavailable("could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network");
            return new Ipam { Driver = "default", Config = [new IpamConfig { Subnet = subnet.ToString(), Gateway = Subnet.ToAddress(subnet.First + 1).ToString() }] };
        }
        var parts = bridgeAddress.Split('/');
        return new Ipam { Driver = "default", Config = [new IpamConfig { Subnet = Subnet.Parse(bridgeAddress).ToString(), Gateway = parts[0] }] };
    }

    private List<Subnet> TakenSubnets() =>
        [.. AddressPools.HostRoutes(File.ReadLines("/proc/net/route")), .. _networks.Values.SelectMany(record => record.Network.IPAM?.Config ?? []).Where(config => config.Subnet is not null).Select(config => Subnet.Parse(config.Subnet!))];

    private static Network NewNetwork(string name, string driver) => new()
    {
        Name = name, Id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)), Scope = "local", Driver = driver, EnableIPv4 = true, EnableIPv6 = false,
        Created = DateTimeOffset.UtcNow.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ", CultureInfo.InvariantCulture),
        Internal = false, Attachable = false, Ingress = false, ConfigFrom = new ConfigReference { Network = "" }, ConfigOnly = false, Options = [], Labels = [],
    };

    // Interface names have 15 bytes at most; the tag keeps daemons apart.
    private string BridgeName(int number) => $"wh{_options.InstanceTag}-{number.ToString("x", CultureInfo.InvariantCulture)}";

    private void AddRecord(NetworkRecord record)
    {
        _store.Add(record);
        _networks[record.Network.Id!] = record;
    }

    private static AddressAllocator AllocatorOf(Network network)
    {
        var config = network.IPAM!.Config![0];
        var reserved = new List<uint>();
        if (Subnet.TryParseAddress(config.Gateway, out uint gateway)) reserved.Add(gateway);
        foreach (var text in config.AuxiliaryAddresses?.Values ?? Enumerable.Empty<string>()) if (Subnet.TryParseAddress(text, out uint auxiliary)) reserved.Add(auxiliary);
        return new AddressAllocator(Subnet.Parse(config.Subnet!), config.IPRange is { Length: > 0 } range ? Subnet.Parse(range) : null, reserved);
    }

    private void EnsureBridge(NetworkRecord record)
    {
        if (RouteNetlink.IndexOf(record.Bridge) is { } existing)
        {
            _bridgeIndexes[record.Bridge] = existing;
            return;
        }
        var config = record.Network.IPAM!.Config![0];
        _netlink.CreateBridge(record.Bridge, MtuOf(record.Network));
        int index = RouteNetlink.IndexOf(record.Bridge) ?? throw new WharfException(ErrorKind.Internal, $"bridge {record.Bridge} vanished");
        try
        {
            WriteSetting($"ipv6/conf/{record.Bridge}/disable_ipv6", "1");
            // Packets from 127.0.0.1 may be turned to containers; what comes from containers for 127/8 the firewall drops (CVE-2020-8558).
            WriteSetting($"ipv4/conf/{record.Bridge}/route_localnet", "1");
            if (config.Gateway is { Length: > 0 } gateway) _netlink.AddAddress(index, IPAddress.Parse(gateway), Subnet.Parse(config.Subnet!).PrefixLength);
            _netlink.SetUp(index);
            _bridgeIndexes[record.Bridge] = index;
        }
        catch
        {
            _netlink.DeleteLink(index);
            throw;
        }
    }

    private static int? MtuOf(Network network) =>
        network.Options?.GetValueOrDefault("com.docker.network.driver.mtu") is { } text && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int mtu) ? mtu : null;

    private static void WriteSetting(string path, string value)
    {
        path = "/proc/sys/net/" + path;
        if (File.Exists(path)) File.WriteAllText(path, value);
    }

    /// <summary>Finds a network by name, ID or unique ID prefix; NotFound <c>network NAME not found</c>.</summary>
    internal NetworkRecord Find(string nameOrId)
    {
        lock (_lock)
        {
            if (nameOrId == "default") nameOrId = DefaultBridge;
            if (_networks.TryGetValue(nameOrId, out var exact)) return exact;
            if (_networks.Values.FirstOrDefault(record => record.Network.Name == nameOrId) is { } named) return named;
            var matches = nameOrId.Length == 0 ? [] : _networks.Values.Where(record => record.Network.Id!.StartsWith(nameOrId, StringComparison.Ordinal)).ToList();
            return matches.Count switch
            {
                1 => matches[0],
                > 1 => throw WharfException.Invalid($"network {nameOrId} is ambiguous ({matches.Count} matches found on ID prefix)"),
                _ => throw WharfException.NotFound($"network {nameOrId} not found"),
            };
        }
    }

    public void Dispose()
    {
        _firewall.Dispose();
        _netlink.Dispose();
    }
}

/// <summary>What a container wants of the network.</summary>
public sealed record SandboxRequest
{
    public required string ContainerId { get; init; }
    public required string ContainerName { get; init; }
    public required string Hostname { get; init; }
    /// <summary>By network name or ID; <c>bridge</c> for the default one. Empty for <c>none</c>.</summary>
    public required IReadOnlyDictionary<string, EndpointSettings> Endpoints { get; init; }
    /// <summary>Keys <c>80/tcp</c>; an empty HostPort asks for a free one.</summary>
    public IReadOnlyDictionary<string, List<PortBinding>?> PortBindings { get; init; } = new Dictionary<string, List<PortBinding>?>();
    public IReadOnlyCollection<string> ExposedPorts { get; init; } = [];
    public bool PublishAllPorts { get; init; }
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();
}

/// <summary>A container's network, ready to be joined. The namespace lives while this or a process in it does.</summary>
public sealed record NetworkSandbox(Fd Namespace, IReadOnlyDictionary<string, EndpointSettings> Endpoints, IReadOnlyDictionary<string, List<PortBinding>?> Ports) : IDisposable
{
    /// <summary>A path the shim can open while this object lives.</summary>
    public string Path => $"/proc/{Environment.ProcessId}/fd/{Namespace.Value}";
    public void Dispose() => Namespace.Dispose();
}
