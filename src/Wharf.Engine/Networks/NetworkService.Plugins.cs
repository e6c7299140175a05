using System.Text.Json.Nodes;
using Wharf.Engine.Networks.Dhcp;
using Wharf.Engine.Networks.Plugins;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Networks and address pools of plugins. Plugins are called without <see cref="_lock"/>; what they give is noted under it.</summary>
public sealed partial class NetworkService
{
    /// <summary>Names of the drivers that can be used now.</summary>
    public IReadOnlyList<string> Drivers => [.. NetworkCreateRules.BuiltIn.Concat(_plugins.Drivers).Order(StringComparer.Ordinal)];

    private static bool HasIpamPlugin(Ipam? ipam) => ipam?.Driver is { Length: > 0 } and not "default";

    private async Task<NetworkCreateResponse> CreateByPluginAsync(NetworkCreateRequest request, Network network, CancellationToken cancellation)
    {
        var driver = NetworkCreateRules.IsBuiltIn(network.Driver) ? null : await _plugins.RequireAsync(network.Driver!, NetworkPlugin.DriverKind, cancellation);
        if (request.IPAM?.Driver == DhcpIpam.DriverName)
        {
            DhcpIpam.Check(request, network);
            network.Options = DhcpIpam.OptionsFor(network);
        }
        var ipam = HasIpamPlugin(request.IPAM) ? await IpamDriverAsync(request.IPAM!, cancellation) : null;
        // A client that hangs up leaves nothing half made.
        cancellation = CancellationToken.None;
        var pools = ipam is null ? null : await LeasePoolsAsync(ipam, request, network, cancellation);
        NetworkRecord? record = null;
        try
        {
            lock (_lock)
            {
                RequireFree(network.Name!);
                record = Make(request, network, pools);
                if (driver is null) Add(record);
            }
            if (driver is not null)
            {
                await driver.DriverAsync("CreateNetwork", Describe(record), cancellation);
                await NoteAsync(driver, record);
            }
        }
        catch
        {
            foreach (var pool in pools ?? []) await TryAsync(() => ipam!.ReleaseAsync(pool, cancellation));
            throw;
        }
        return new NetworkCreateResponse { Id = network.Id, Warning = "" };
    }

    /// <summary>Another network may have got the name while the driver made this one.</summary>
    private async Task NoteAsync(NetworkPlugin driver, NetworkRecord record)
    {
        try
        {
            lock (_lock)
            {
                RequireFree(record.Network.Name!);
                Add(record);
            }
        }
        catch
        {
            await TryAsync(() => driver.DriverAsync("DeleteNetwork", new JsonObject { ["NetworkID"] = record.Network.Id }, CancellationToken.None));
            throw;
        }
    }

    private async Task<List<PoolLease>> LeasePoolsAsync(IIpamDriver ipam, NetworkCreateRequest request, Network network, CancellationToken cancellation)
    {
        var pools = new List<PoolLease>();
        try
        {
            foreach (bool v6 in new[] { false, true }.Where(v6 => (v6 ? network.EnableIPv6 : network.EnableIPv4) == true))
            {
                var asked = (request.IPAM?.Config ?? []).Where(config => config.Subnet!.Contains(':') == v6).Cast<IpamConfig?>();
                foreach (var config in asked.DefaultIfEmpty(null)) pools.Add(await ipam.LeaseAsync(network, config, request.IPAM!.Options, v6, cancellation));
            }
            return pools;
        }
        catch
        {
            // The first error is the one to tell.
            foreach (var pool in pools) await TryAsync(() => ipam.ReleaseAsync(pool, cancellation));
            throw;
        }
    }

    private static Ipam IpamOf(NetworkCreateRequest request, List<PoolLease> pools) => new()
    {
        Driver = request.IPAM!.Driver, Options = request.IPAM.Options,
        Config = [.. pools.Select(pool => (request.IPAM.Config?.Find(config => Subnet.TryParse(config.Subnet, out var asked) && asked.ToString() == pool.Subnet) ?? new IpamConfig()) with { Subnet = pool.Subnet, Gateway = pool.Gateway })],
    };

    private static JsonObject Describe(NetworkRecord record)
    {
        var network = record.Network;
        var options = new JsonObject { ["com.docker.network.enable_ipv4"] = network.EnableIPv4, ["com.docker.network.enable_ipv6"] = network.EnableIPv6, ["com.docker.network.generic"] = NetworkPlugin.Json(network.Options ?? []) };
        if (network.Internal == true) options["com.docker.network.internal"] = true;
        return new JsonObject { ["NetworkID"] = network.Id, ["Options"] = options, ["IPv4Data"] = Data(v6: false), ["IPv6Data"] = Data(v6: true) };

        JsonArray Data(bool v6)
        {
            var data = new JsonArray();
            foreach (var config in network.IPAM?.Config ?? [])
            {
                var subnet = Subnet.Parse(config.Subnet!);
                if (subnet.IsIPv6 != v6) continue;
                var pool = new JsonObject { ["AddressSpace"] = record.Pools?.Find(lease => lease.Subnet == config.Subnet)?.AddressSpace ?? "LocalDefault", ["Pool"] = config.Subnet };
                if (config.AuxiliaryAddresses is { Count: > 0 } auxiliary) pool["AuxAddresses"] = NetworkPlugin.Json(auxiliary.ToDictionary(entry => entry.Key, entry => $"{entry.Value}/{subnet.PrefixLength}"));
                if (config.Gateway is { Length: > 0 } gateway) pool["Gateway"] = $"{gateway}/{subnet.PrefixLength}";
                data.Add((JsonNode)pool);
            }
            return data;
        }
    }

    /// <summary>Tells the plugins that a network is no more. It is removed already: what they say against it is logged, as in docker.</summary>
    private async Task RemoveByPluginAsync(NetworkRecord record, CancellationToken cancellation)
    {
        foreach (var pool in record.Pools ?? []) await TryAsync(async () => await (await IpamDriverAsync(record.Network.IPAM!, cancellation)).ReleaseAsync(pool, cancellation));
        if (record.IsRemote) await TryAsync(async () => await (await DriverOfAsync(record)).DriverAsync("DeleteNetwork", new JsonObject { ["NetworkID"] = record.Network.Id }, cancellation));
    }

    private Task<NetworkPlugin> DriverOfAsync(NetworkRecord record) => _plugins.RequireAsync(record.Network.Driver!, NetworkPlugin.DriverKind, CancellationToken.None);

    private async Task<IIpamDriver> IpamDriverAsync(Ipam ipam, CancellationToken cancellation) =>
        ipam.Driver == DhcpIpam.DriverName ? _dhcp : await _plugins.RequireAsync(ipam.Driver!, NetworkPlugin.IpamKind, cancellation);

    // All of them together: the daemon starts without a plugin that hangs.
    private static readonly TimeSpan ReplayPatience = TimeSpan.FromSeconds(10);

    /// <summary>Tells those who give addresses, after a restart of the daemon, which are still in use. Before containers start: none of these must be given to one of them.</summary>
    public async Task ReplayLeasesAsync(CancellationToken cancellation)
    {
        List<NetworkRecord> networks;
        lock (_lock) networks = [.. _networks.Values.Where(record => record.Pools is not null)];
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        time.CancelAfter(ReplayPatience);
        foreach (var network in networks)
        {
            try
            {
                foreach (var pool in network.Pools!)
                    await TryAsync(async () => await (await IpamDriverAsync(network.Network.IPAM!, time.Token)).ReplayAsync(network, pool, HeldOf(network, pool), time.Token));
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested) { _log.LeasesNotReplayed(network.Network.IPAM!.Driver!, network.Network.Name!); }
        }
    }

    private List<AddressWish> HeldOf(NetworkRecord network, PoolLease pool) =>
        [.. LeasesOf(EndpointsOn(network.Network.Id!)).Where(lease => lease.Pool == pool).Select(lease => new AddressWish(lease.Address, lease.Mac, ""))];

    private async Task TryAsync(Func<Task> call)
    {
        try { await call(); }
        catch (WharfException error) { _log.PluginFailed(error); }
    }

    /// <summary>Addresses of IPAM plugins for the endpoints on networks that have theirs from one. On failure none is kept.</summary>
    private async Task<List<AddressLease>> LeaseAsync(SandboxRequest request, IReadOnlyDictionary<string, EndpointSettings> endpoints, CancellationToken cancellation)
    {
        var leases = new List<AddressLease>();
        lock (_lock) if (_networks.Values.All(record => record.Pools is null)) return leases;
        try
        {
            foreach (var (name, settings) in endpoints)
            {
                NetworkRecord record;
                try { record = Find(name); }
                catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { continue; } // told when it is joined
                if (record.Pools is null) continue;
                EndpointSettingsRules.Check(record, settings);
                var driver = await IpamDriverAsync(record.Network.IPAM!, cancellation);
                // The same at every start: whoever gives addresses by it can give the same one.
                var mac = settings.MacAddress is { Length: > 0 } given ? given : driver.RequiresMac ? Interfaces.TextOf(Interfaces.LastingMac(request.ContainerId, record.Network.Id!)) : "";
                foreach (var pool in record.Pools.DistinctBy(pool => pool.Subnet.Contains(':')))
                {
                    var wanted = pool.Subnet.Contains(':') ? settings.IPAMConfig?.IPv6Address : settings.IPAMConfig?.IPv4Address;
                    leases.Add(new AddressLease(record, pool, await driver.AddressAsync(pool, new AddressWish(wanted, mac, request.Hostname), cancellation), mac));
                }
            }
            return leases;
        }
        catch
        {
            await ReturnAsync(leases);
            throw;
        }
    }

    private static string? Leased(IReadOnlyCollection<AddressLease> leases, NetworkRecord record, bool v6) =>
        leases.FirstOrDefault(lease => lease.Network.Network.Id == record.Network.Id && lease.Address.Contains(':') == v6)?.Address;

    private List<AddressLease> LeasesOf(IEnumerable<EndpointRecord> records)
    {
        var leases = new List<AddressLease>();
        foreach (var endpoint in records)
        {
            NetworkRecord? record;
            lock (_lock) record = _networks.GetValueOrDefault(endpoint.NetworkId);
            foreach (var pool in record?.Pools ?? [])
                foreach (var address in AddressesOf(endpoint))
                    if (Subnet.Parse(pool.Subnet).Contains(address)) leases.Add(new AddressLease(record!, pool, address.ToString(), endpoint.Settings.MacAddress ?? ""));
        }
        return leases;
    }

    private async Task ReturnAsync(IEnumerable<AddressLease> leases)
    {
        foreach (var lease in leases)
            await TryAsync(async () => await (await IpamDriverAsync(lease.Network.Network.IPAM!, CancellationToken.None)).ReleaseAddressAsync(lease.Pool, lease.Address, lease.Mac, CancellationToken.None));
    }
}

/// <summary>An address that an IPAM plugin has given, and the MAC address that it was given for.</summary>
internal sealed record AddressLease(NetworkRecord Network, PoolLease Pool, string Address, string Mac);
