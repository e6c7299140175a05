using System.Net;
using System.Security.Cryptography;
using Wharf.Linux.Fds;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Endpoints of containers: made at start, freed at the end, taken over after a daemon restart.</summary>
public sealed partial class NetworkService
{
    /// <summary>
    /// Makes a container's network: a fresh network namespace with lo up, an interface per network, routes, published ports.
    /// Modes host and container: are the caller's. On failure nothing is left.
    /// </summary>
    public async Task<NetworkSandbox> SetUpAsync(SandboxRequest request, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        // A start that a killed daemon never got to confirm may have left something.
        await TearDownAsync(request.ContainerId, cancellation);
        var leases = await LeaseAsync(request, request.Endpoints, cancellation);
        EndpointRecord[] records;
        try { records = ReserveAll(request, leases); }
        catch
        {
            await ReturnAsync(leases);
            throw;
        }
        Fd? sandbox = null;
        try
        {
            records = await PublishAsync(request, records);
            (sandbox, records) = await BuildAsync(request, records);
            _store.SaveEndpoints(request.ContainerId, records);
            foreach (var record in records) PublishEvent("connect", Find(record.NetworkId).Network, record.ContainerId);
            return new NetworkSandbox(sandbox, records.ToDictionary(record => Find(record.NetworkId).Network.Name!, record => record.Settings), PortsOf(request, records));
        }
        catch
        {
            sandbox?.Dispose();
            await LeaveAsync(records);
            Release(request.ContainerId);
            await ReturnAsync(leases);
            throw;
        }
    }

    /// <summary>Addresses for all networks asked for, or for none.</summary>
    private EndpointRecord[] ReserveAll(SandboxRequest request, IReadOnlyCollection<AddressLease> leases)
    {
        var records = new List<EndpointRecord>();
        lock (_lock)
        {
            try
            {
                var ordered = request.Endpoints.Where(endpoint => !(_options.NoDefaultBridge && endpoint.Key is DefaultBridge or "default")).OrderByDescending(endpoint => endpoint.Key == request.Primary);
                foreach (var (name, wanted) in ordered) records.Add(Reserve(request, name, wanted, records, leases));
                return _endpoints[request.ContainerId] = [.. records];
            }
            catch
            {
                foreach (var record in records) ReleaseAddresses(record);
                throw;
            }
        }
    }

    /// <summary>An endpoint with addresses of its network; <see cref="_lock"/> is held.</summary>
    private EndpointRecord Reserve(SandboxRequest request, string name, EndpointSettings wanted, IReadOnlyCollection<EndpointRecord> others, IReadOnlyCollection<AddressLease> leases)
    {
        var (containerId, containerName) = (request.ContainerId, request.ContainerName);
        var record = Find(name);
        var network = record.Network;
        if (network.Driver == "host") throw WharfException.Invalid("cannot connect container to host network - container must be created in host network mode");
        var settings = wanted with { NetworkID = network.Id, EndpointID = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)), GwPriority = wanted.GwPriority ?? 0, Gateway = "", IPAddress = "", IPPrefixLen = 0, IPv6Gateway = "", GlobalIPv6Address = "", GlobalIPv6PrefixLen = 0, DNSNames = null };
        var endpoint = new EndpointRecord { ContainerId = containerId, ContainerName = containerName, NetworkId = network.Id!, Settings = settings };
        if (others.Any(other => other.NetworkId == network.Id)) throw new WharfException(ErrorKind.Forbidden, $"endpoint with name {containerName} already exists in network {network.Name}");
        if (network.ConfigOnly == true) throw new WharfException(ErrorKind.Forbidden, "cannot create endpoint on configuration-only network");
        if (network.Driver == "null") return endpoint;
        if (!record.IsRemote) _ = HostIndexOf(record);
        EndpointSettingsRules.Check(record, wanted);
        // Before addresses are taken: it may be refused.
        endpoint = endpoint with { Interface = NameOf(wanted, network, others) };
        var addresses = _addresses[network.Id!];
        try
        {
            GiveAddress(addresses.V4, Leased(leases, record, v6: false) ?? wanted.IPAMConfig?.IPv4Address, network, settings);
            GiveAddress(addresses.V6, Leased(leases, record, v6: true) ?? wanted.IPAMConfig?.IPv6Address, network, settings);
        }
        catch
        {
            ReleaseAddresses(endpoint);
            throw;
        }
        if (settings.MacAddress is not { Length: > 0 }) settings.MacAddress = leases.FirstOrDefault(lease => lease.Network.Network.Id == network.Id && lease.Mac.Length > 0)?.Mac ?? (record.IsRemote ? "" : Interfaces.MacOf(AddressesOf(endpoint).First()));
        if (network.Name != DefaultBridge) settings.DNSNames = NamesFor(containerId, containerName, request.Hostname, wanted);
        return endpoint;
    }

    private static void GiveAddress(AddressAllocator? allocator, string? asked, Network network, EndpointSettings settings)
    {
        if (allocator is null)
        {
            if (asked is { Length: > 0 }) throw WharfException.Invalid($"no configured subnet or ip-range contain the IP address {asked}");
            return;
        }
        IPAddress address;
        if (asked is { Length: > 0 })
        {
            if (!Subnet.TryParseAddress(asked, out address)) throw WharfException.Invalid($"invalid IP address: {asked}");
            allocator.Allocate(address);
        }
        else
        {
            try { address = allocator.Allocate(); }
            catch (WharfException error) when (error.Kind == ErrorKind.Internal) { throw new WharfException(error.Kind, $"{error.Message}: {network.Name} ({network.Id})", error); }
        }
        var subnet = allocator.Subnet;
        var pool = network.IPAM!.Config!.First(config => Subnet.Parse(config.Subnet!) == subnet);
        var gateway = network.Internal == true || ParentOptions.IsLayer3(network) ? "" : pool.AuxiliaryAddresses?.GetValueOrDefault(subnet.IsIPv6 ? DefaultGateway6 : DefaultGateway4) ?? pool.Gateway ?? "";
        if (subnet.IsIPv6) (settings.GlobalIPv6Address, settings.GlobalIPv6PrefixLen, settings.IPv6Gateway) = (address.ToString(), subnet.PrefixLength, gateway);
        else (settings.IPAddress, settings.IPPrefixLen, settings.Gateway) = (address.ToString(), subnet.PrefixLength, gateway);
    }

    private static IEnumerable<IPAddress> AddressesOf(EndpointRecord endpoint)
    {
        if (endpoint.Settings.IPAddress is { Length: > 0 } v4) yield return IPAddress.Parse(v4);
        if (endpoint.Settings.GlobalIPv6Address is { Length: > 0 } v6) yield return IPAddress.Parse(v6);
    }

    /// <summary>
    /// The endpoints that the default routes go through and that ports are published on, one of each family: by priority, then by name. As in docker,
    /// the first that has both families comes before those that have one.
    /// </summary>
    private Gateways GatewaysOf(IEnumerable<EndpointRecord> records)
    {
        var candidates = records.Where(record => record.Interface.Length > 0 && Find(record.NetworkId).Network.Internal != true)
            .OrderByDescending(record => record.Settings.GwPriority ?? 0).ThenBy(record => Find(record.NetworkId).Network.Name, StringComparer.Ordinal).ToList();
        if (candidates.Find(record => LeadsOut(record, v6: false) && LeadsOut(record, v6: true)) is { } both) return new Gateways(both, both);
        return new Gateways(candidates.Find(record => LeadsOut(record, v6: false)), candidates.Find(record => LeadsOut(record, v6: true)));
    }

    private bool LeadsOut(EndpointRecord record, bool v6) =>
        (v6 ? record.Settings.IPv6Gateway : record.Settings.Gateway) is { Length: > 0 }
        || (v6 ? record.Settings.GlobalIPv6Address : record.Settings.IPAddress) is { Length: > 0 } && ParentOptions.IsLayer3(Find(record.NetworkId).Network);

    /// <summary>Frees addresses and published ports of a container that has stopped. Idempotent. Interfaces go with their namespace.</summary>
    public async Task TearDownAsync(string containerId, CancellationToken cancellation)
    {
        var records = Release(containerId);
        await LeaveAsync(records);
        await ReturnAsync(LeasesOf(records));
        foreach (var record in records)
        {
            Network network;
            lock (_lock)
            {
                if (!_networks.TryGetValue(record.NetworkId, out var found)) continue;
                network = found.Network;
            }
            PublishEvent("disconnect", network, containerId);
        }
    }

    /// <summary>Frees what a container that is gone has left on a network; it is named as it was then. False when there is nothing.</summary>
    public async Task<bool> ForgetAsync(string networkId, string nameOrId, CancellationToken cancellation)
    {
        if (EndpointsOn(networkId).FirstOrDefault(endpoint => endpoint.ContainerName == nameOrId || endpoint.ContainerId == nameOrId) is not { } left) return false;
        await TearDownAsync(left.ContainerId, cancellation);
        return true;
    }

    private EndpointRecord[] Release(string containerId)
    {
        _unclaimed.TryRemove(containerId, out _);
        if (!_endpoints.TryRemove(containerId, out var records)) return [];
        // Rules first: an address that is free may be another container's at once.
        foreach (var record in records) RemoveRules(record);
        _ports.Release(containerId);
        lock (_lock) foreach (var record in records) ReleaseAddresses(record);
        _store.RemoveEndpoints(containerId);
        return records;
    }

    private void RemoveRules(EndpointRecord record)
    {
        if (record.Ports.Count == 0) return;
        try { _firewall.RemovePorts(record); }
        catch (IOException error) { _log.RulesNotRemoved(record.ContainerId, error); }
        ForgetFlows(record.Ports);
    }

    private void ReleaseAddresses(EndpointRecord record)
    {
        if (!_addresses.TryGetValue(record.NetworkId, out var addresses)) return;
        foreach (var address in AddressesOf(record)) addresses.Release(address);
    }

    /// <summary>After a daemon restart: takes the endpoints of a running container over again (addresses and rules are restored, ports held anew).</summary>
    public Task AdoptAsync(string containerId, CancellationToken cancellation)
    {
        _unclaimed.TryRemove(containerId, out _);
        foreach (var record in _endpoints.GetValueOrDefault(containerId, []))
        {
            foreach (var port in record.Ports.Where(port => !port.Routed))
            {
                try { _ports.Hold(containerId, port, AddressFor(port, record)); }
                catch (WharfException error) { _log.PortLost(containerId, port.HostPort, error); }
            }
        }
        return Task.CompletedTask;
    }

    /// <summary>Notes that a container is in the host's network.</summary>
    public EndpointSettings JoinHost(string containerId, string containerName)
    {
        var network = Find("host").Network;
        var settings = new EndpointSettings { NetworkID = network.Id, EndpointID = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) };
        EndpointRecord[] records = [new EndpointRecord { ContainerId = containerId, ContainerName = containerName, NetworkId = network.Id!, Settings = settings }];
        _endpoints[containerId] = records;
        _store.SaveEndpoints(containerId, records);
        PublishEvent("connect", network, containerId);
        return settings;
    }

    /// <summary>What may be asked of a network at a container's creation, as far as the network is there already.</summary>
    public void CheckEndpoint(string network, EndpointSettings settings)
    {
        NetworkRecord record;
        try { record = Find(network); }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { return; } // it may be made before the start
        try { EndpointSettingsRules.Check(record, settings); }
        catch (WharfException error) { throw new WharfException(error.Kind, $"invalid config for network {(network == "default" ? DefaultBridge : network)}: {error.Message}", error); }
    }

    /// <summary>What may be asked of a network that is there.</summary>
    public void RequireSettings(string networkId, EndpointSettings settings)
    {
        if (Find(networkId) is { Network.Driver: not ("host" or "null") } record) EndpointSettingsRules.Check(record, settings);
    }

    /// <summary>The names a container is found by on a network: its own, aliases, the short ID, the host name.</summary>
    public static List<string> NamesFor(string containerId, string containerName, string hostname, EndpointSettings settings) =>
        [.. new[] { containerName }.Concat(settings.Aliases ?? []).Append(containerId[..12]).Append(hostname).Where(known => known.Length > 0).Distinct()];

    /// <summary>A running container has another name now.</summary>
    public void Rename(string containerId, string name)
    {
        if (!_endpoints.TryGetValue(containerId, out var records)) return;
        EndpointRecord[] renamed = [.. records.Select(record => record with { ContainerName = name, Settings = record.Settings with { DNSNames = record.Settings.DNSNames?.Select(known => known == record.ContainerName ? name : known).ToList() } })];
        _endpoints[containerId] = renamed;
        _store.SaveEndpoints(containerId, renamed);
    }
}

/// <summary>The endpoints that a container's packets leave by.</summary>
internal readonly record struct Gateways(EndpointRecord? V4, EndpointRecord? V6)
{
    public EndpointRecord? First => V4 ?? V6;
    /// <summary>The endpoint that a port is turned to: what is relayed goes to the IPv4 address.</summary>
    public EndpointRecord? Of(PortMapping port) => port.HostAddress.Contains(':') && !port.Relayed ? V6 : V4;
    public bool Include(EndpointRecord record) => V4 == record || V6 == record;
    /// <summary>Whether these are the same endpoints, with whatever ports.</summary>
    public bool Same(Gateways other) => V4?.Settings.EndpointID == other.V4?.Settings.EndpointID && V6?.Settings.EndpointID == other.V6?.Settings.EndpointID;
}
