using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Wharf.Engine.Events;
using Wharf.Engine.State;
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
    private readonly PortHolder _ports;
    private readonly RouteNetlink _netlink = new();
    private readonly NamespacePool _pool;
    // Networks are few and change rarely; one lock for them and their addresses.
    private readonly Lock _lock = new();
    private readonly Dictionary<string, NetworkRecord> _networks = [];
    private readonly Dictionary<string, NetworkAddresses> _addresses = [];
    // if_nametoindex asks the calling thread's namespace; indexes of bridges and parents are looked up once, in the host's.
    private readonly ConcurrentDictionary<string, int> _hostIndexes = new();
    private readonly ConcurrentDictionary<string, EndpointRecord[]> _endpoints = new();
    // Endpoints a former daemon left whose containers have not been found running yet.
    private readonly ConcurrentDictionary<string, bool> _unclaimed = new();
    private readonly CancellationTokenSource _stopping = new();

    public NetworkService(DaemonOptions options, StateStore state, EventService events, ILoggerFactory logs)
    {
        (_options, _store, _events, _log) = (options, new NetworkStore(state), events, logs.CreateLogger("Wharf.Networks"));
        _firewall = new Firewall(options.InstanceTag, options.RespectHostFirewall);
        _pool = new NamespacePool(_netlink, _log);
        _ports = new PortHolder(id => _endpoints.GetValueOrDefault(id, []) is [var endpoint, ..] ? endpoint.ContainerName : id);
    }

    /// <summary>The host's address on the default bridge: what <c>host-gateway</c> stands for.</summary>
    public string HostGateway => _options.HostGateway ?? (_options.NoDefaultBridge ? throw WharfException.Invalid("unable to derive the IP value for host-gateway") : Find(DefaultBridge)).Network.IPAM!.Config![0].Gateway!;

    /// <summary>
    /// Restores networks, bridges and firewall rules. Endpoints a former daemon left stay until <see cref="AdoptAsync"/> confirms them or
    /// <see cref="ReleaseUnclaimedAsync"/> says that none is to come.
    /// </summary>
    public Task StartAsync(CancellationToken cancellation) => Task.Run(() =>
    {
        NetworkSettingsFile.Require("ipv4/ip_forward", "1");
        foreach (var record in _store.Networks()) _networks[record.Network.Id!] = record;
        foreach (var group in _store.Endpoints().Where(endpoint => _networks.ContainsKey(endpoint.NetworkId)).GroupBy(endpoint => endpoint.ContainerId))
        {
            _endpoints[group.Key] = [.. group];
            _unclaimed[group.Key] = true;
        }
        EnsurePredefined();
        foreach (var record in _networks.Values.ToList()) Restore(record);
        foreach (var endpoint in AllEndpoints())
            foreach (var address in AddressesOf(endpoint)) _addresses[endpoint.NetworkId].Adopt(address);
        InstallRules();
        _ = WatchRulesAsync(_stopping.Token);
    }, cancellation);

    private void Restore(NetworkRecord record)
    {
        try { record = BringUp(record); }
        catch (Exception error) when (error is IOException or WharfException && record.Network.Name != DefaultBridge)
        {
            // One network that cannot be must not keep the daemon and all others from starting.
            _log.NetworkNotRestored(record.Network.Name!, error);
        }
        _networks[record.Network.Id!] = record;
        _addresses[record.Network.Id!] = new NetworkAddresses(record.Network);
    }

    /// <summary>Frees what was left by containers that no longer run. Called when all running ones have been adopted.</summary>
    public async Task ReleaseUnclaimedAsync(CancellationToken cancellation)
    {
        foreach (var id in _unclaimed.Keys)
        {
            if (!_unclaimed.ContainsKey(id)) continue;
            _log.Unclaimed(id);
            await TearDownAsync(id, cancellation);
        }
    }

    /// <summary>At the daemon's end: with no container running, bridges and rules go; else all stays for the next daemon.</summary>
    public async Task StopAsync(bool anyRunning, CancellationToken cancellation)
    {
        await _stopping.CancelAsync();
        _pool.Dispose();
        if (anyRunning) return;
        await Task.Run(() =>
        {
            foreach (var record in _networks.Values) TakeDown(record);
            _firewall.Remove();
        }, cancellation);
    }

    private IEnumerable<NetworkRecord> BridgesUp => _networks.Values.Where(record => record.IsBridge && _hostIndexes.ContainsKey(record.Bridge));

    private void InstallRules() => _firewall.Install(BridgesUp, AllEndpoints());

    /// <summary>Other tools flush the whole ruleset (<c>nft -f /etc/nftables.conf</c> does), or the host's own chains (<c>iptables -F</c>): the rules are put back at once.</summary>
    private async Task WatchRulesAsync(CancellationToken cancellation)
    {
        try
        {
            using var monitor = new Linux.Nftables.NftablesMonitor();
            while (true)
            {
                await monitor.WaitForChangeAsync(_firewall.TableName, HostForwarding.Table, cancellation);
                try
                {
                    lock (_lock)
                    {
                        if (cancellation.IsCancellationRequested) return;
                        if (!_firewall.IsInPlace()) InstallRules();
                        else if (!_firewall.AllowOnHost(BridgesUp)) continue;
                    }
                    _log.RulesRestored(_firewall.TableName);
                }
                catch (IOException error) { _log.RulesNotRestored(_firewall.TableName, error); }
            }
        }
        catch (OperationCanceledException) { /* the daemon stops */ }
        catch (IOException error) { _log.RulesNotRestored(_firewall.TableName, error); }
    }

    private void EnsurePredefined()
    {
        foreach (var (name, driver) in (ReadOnlySpan<(string, string)>)[("host", "host"), ("none", "null")])
        {
            if (_networks.Values.Any(record => record.Network.Name == name)) continue;
            AddRecord(new NetworkRecord { Network = NewNetwork(name, driver) with { IPAM = new Ipam { Driver = "default" } } });
        }
        var bridge = _networks.Values.FirstOrDefault(record => record.Network.Name == DefaultBridge);
        if (!_options.NoDefaultBridge) EnsureDefaultBridge(bridge);
        else if (bridge is not null && !EndpointsOn(bridge.Network.Id!).Any())
        {
            _store.Remove(bridge.Network.Id!);
            _networks.Remove(bridge.Network.Id!);
        }
    }

    /// <summary>The default bridge follows the daemon's options from start to start; its subnet stays while nothing else is asked for.</summary>
    private void EnsureDefaultBridge(NetworkRecord? existing)
    {
        var bridge = existing?.Bridge ?? BridgeName(0);
        var options = new Dictionary<string, string>
        {
            [BridgeOptions.Default] = "true", [BridgeOptions.EnableIcc] = _options.Icc ? "true" : "false", [BridgeOptions.EnableMasquerade] = _options.Masquerade ? "true" : "false",
            [BridgeOptions.HostBinding] = _options.DefaultHostAddress ?? "0.0.0.0", [BridgeOptions.Name] = bridge, [BridgeOptions.Mtu] = _options.Mtu.ToString(CultureInfo.InvariantCulture),
        };
        var kept = existing?.Network.IPAM?.Config;
        var v4 = _options.BridgeAddress is { } address
            ? new IpamConfig { Subnet = Subnet.Parse(address).ToString(), IPRange = _options.FixedCidr, Gateway = _options.DefaultGateway ?? address.Split('/')[0] }
            : kept?.Find(config => !Subnet.Parse(config.Subnet!).IsIPv6) is { } before ? before with { IPRange = _options.FixedCidr } : ChooseSubnet(v6: false);
        List<IpamConfig> configs = [v4];
        if (_options.IPv6) configs.Add(_options.FixedCidrV6 is { } own ? new IpamConfig { Subnet = own, Gateway = GatewayIn(Subnet.Parse(own), null) } : kept?.Find(config => Subnet.Parse(config.Subnet!).IsIPv6) ?? ChooseSubnet(v6: true));
        var network = (existing?.Network ?? NewNetwork(DefaultBridge, "bridge")) with { Options = options, EnableIPv6 = _options.IPv6, IPAM = new Ipam { Driver = "default", Config = configs } };
        AddRecord(new NetworkRecord { Network = network, Bridge = bridge, UserSubnets = _options.BridgeAddress is not null });
    }

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
        _store.Save(record);
        _networks[record.Network.Id!] = record;
    }

    private IEnumerable<EndpointRecord> AllEndpoints() => _endpoints.Values.SelectMany(list => list);

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
        _stopping.Cancel();
        _pool.Dispose();
        _firewall.Dispose();
        _netlink.Dispose();
    }
}
