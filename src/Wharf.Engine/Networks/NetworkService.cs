using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Wharf.Engine.Events;
using Wharf.Engine.Networks.Dhcp;
using Wharf.Engine.Networks.Plugins;
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
    private readonly IFirewall _firewall;
    private readonly NameServerRules _nameServerRules;
    private readonly PortHolder _ports;
    private readonly RouteNetlink _netlink = new();
    private readonly NamespacePool _pool;
    private readonly NetworkPlugins _plugins = new();
    private readonly DhcpIpam _dhcp;
    private Firewalld? _firewalld;
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
        _firewall = FirewallChoice.Open(options, _log);
        _nameServerRules = new NameServerRules(_firewall is IptablesFirewall iptables ? new IptablesProgram(iptables.IsLegacy) : null);
        _dhcp = new DhcpIpam(_log);
        _pool = new NamespacePool(_netlink, _nameServerRules, _log);
        _ports = new PortHolder(relaysAll: !_firewall.TurnsPorts, options.RootlessState is { } rootless ? new OutsidePorts(rootless) : null, id => _endpoints.GetValueOrDefault(id, []) is [var endpoint, ..] ? endpoint.ContainerName : id);
    }

    /// <summary>The host's address on the default bridge: what <c>host-gateway</c> stands for; empty without one.</summary>
    public string HostGateway => _options.HostGateway ?? (_options.NoDefaultBridge ? "" : Find(DefaultBridge).Network.IPAM!.Config![0].Gateway!);

    /// <summary>
    /// Restores networks, bridges and firewall rules. Endpoints a former daemon left stay until <see cref="AdoptAsync"/> confirms them or
    /// <see cref="ReleaseUnclaimedAsync"/> says that none is to come.
    /// </summary>
    public Task StartAsync(CancellationToken cancellation) => Task.Run(() =>
    {
        if (_options.ForwardsPackets) NetworkSettingsFile.Require("ipv4/ip_forward", "1");
        foreach (var record in _store.Networks()) _networks[record.Network.Id!] = record;
        foreach (var group in _store.Endpoints().Where(endpoint => _networks.ContainsKey(endpoint.NetworkId)).GroupBy(endpoint => endpoint.ContainerId))
        {
            _endpoints[group.Key] = [.. group];
            _unclaimed[group.Key] = true;
        }
        RemoveStrayBridges();
        EnsurePredefined();
        foreach (var record in _networks.Values.ToList()) Restore(record);
        foreach (var endpoint in AllEndpoints())
            foreach (var address in AddressesOf(endpoint)) _addresses[endpoint.NetworkId].Adopt(address);
        InstallRules();
        // With --firewall=respect the operator puts bridges into zones, or does not.
        _firewalld = _options.RespectHostFirewall || !_firewall.TurnsPorts ? null : Firewalld.Open(_log);
        _firewalld?.Add(ZonedBridges());
        _firewalld?.Watch(ZonedBridges, _stopping.Token);
        _ = WatchRulesAsync(_stopping.Token);
    }, cancellation);

    /// <summary>Bridges of this daemon's that it was killed over: made, and not written down yet, or written off and not removed.</summary>
    private void RemoveStrayBridges()
    {
        var known = _networks.Values.Select(record => record.Bridge).ToHashSet(StringComparer.Ordinal);
        foreach (var name in Directory.EnumerateFileSystemEntries("/sys/class/net").Select(path => Path.GetFileName(path)!))
            if (!known.Contains(name) && IsOurBridge(name) && RouteNetlink.IndexOf(name) is { } index) _netlink.Do(RouteRequest.DeleteLink(index));
    }

    private void Restore(NetworkRecord record)
    {
        try
        {
            var stored = record;
            record = BringUp(stored);
            if (record != stored) _store.Save(record);
        }
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
            foreach (var bridge in _firewalld is null ? [] : ZonedBridges()) _firewalld!.Remove(bridge);
            foreach (var record in _networks.Values) RemoveInterface(record);
            _firewall.Remove();
        }, cancellation);
    }

    private IEnumerable<NetworkRecord> BridgesUp => _networks.Values.Where(record => record.IsBridge && _hostIndexes.ContainsKey(record.Bridge));

    private List<string> ZonedBridges() { lock (_lock) return [.. BridgesUp.Select(record => record.Bridge)]; }

    private void InstallRules() => _firewall.Install(BridgesUp, AllEndpoints());

    /// <summary>Other tools flush the whole ruleset (<c>nft -f /etc/nftables.conf</c> does), or the host's own chains (<c>iptables -F</c>): the rules are put back at once.</summary>
    private async Task WatchRulesAsync(CancellationToken cancellation)
    {
        try { await _firewall.WatchAsync(RestoreRules, cancellation); }
        catch (OperationCanceledException) { /* the daemon stops */ }
        catch (IOException error) { _log.RulesNotRestored(_firewall.Name, error); }

        void RestoreRules()
        {
            try
            {
                lock (_lock)
                {
                    if (cancellation.IsCancellationRequested) return;
                    if (!_firewall.IsInPlace()) InstallRules();
                    else if (!_firewall.AllowOnHost(BridgesUp)) return;
                }
                _log.RulesRestored(_firewall.Name);
            }
            catch (IOException error) { _log.RulesNotRestored(_firewall.Name, error); }
        }
    }

    private void EnsurePredefined()
    {
        foreach (var (name, driver) in (ReadOnlySpan<(string, string)>)[("host", "host"), ("none", "null")])
        {
            if (_networks.Values.Any(record => record.Network.Name == name)) continue;
            AddRecord(new NetworkRecord { Network = NewNetwork(name, driver) with { IPAM = new Ipam { Driver = "default" } } });
        }
        EnsureDefaultBridge(_networks.Values.FirstOrDefault(record => record.Network.Name == DefaultBridge));
    }

    private static Network NewNetwork(string name, string driver) => new()
    {
        Name = name, Id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)), Scope = "local", Driver = driver, EnableIPv4 = true, EnableIPv6 = false,
        Created = DateTimeOffset.UtcNow.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ", CultureInfo.InvariantCulture),
        Internal = false, Attachable = false, Ingress = false, ConfigFrom = new ConfigReference { Network = "" }, ConfigOnly = false, Options = [], Labels = [],
    };

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
        _plugins.Dispose();
        _dhcp.Dispose();
        _firewalld?.Dispose();
        _netlink.Dispose();
    }
}
