using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Netlink;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Networks that running containers join and leave.</summary>
public sealed partial class NetworkService
{
    /// <summary>
    /// Gives a running container an interface on one more network; <paramref name="sandbox"/> is its network namespace. Returns the new
    /// endpoint and all published ports, which move with the default route. On failure all is as before.
    /// </summary>
    public async Task<NetworkChange> ConnectAsync(SandboxRequest request, string network, EndpointSettings wanted, Fd sandbox, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        EndpointRecord added;
        EndpointRecord[] before, after;
        var leases = await LeaseAsync(request, new Dictionary<string, EndpointSettings> { [network] = wanted }, cancellation);
        try
        {
            lock (_lock)
            {
                before = _endpoints.GetValueOrDefault(request.ContainerId, []);
                added = Reserve(request, network, wanted, before, leases);
                _endpoints[request.ContainerId] = after = [.. before, added];
            }
        }
        catch
        {
            await ReturnAsync(leases);
            throw;
        }
        try
        {
            if (Find(added.NetworkId).IsRemote) (added, after) = await JoinLateAsync(request, before, added, sandbox);
            await ChangeAsync(sandbox, before, after);
            after = await MovePortsAsync(request, before, after);
            _store.SaveEndpoints(request.ContainerId, after);
        }
        catch
        {
            lock (_lock)
            {
                _endpoints[request.ContainerId] = before;
                ReleaseAddresses(added);
            }
            await LeaveAsync([added]);
            await ReturnAsync(leases);
            throw;
        }
        PublishEvent("connect", Find(added.NetworkId).Network, request.ContainerId);
        return new NetworkChange(after.ToDictionary(record => Find(record.NetworkId).Network.Name!, record => record.Settings), PortsOf(request, after));
    }

    /// <summary>Takes a running container's interface on a network away. A sandbox that is gone (null) loses only what is noted.</summary>
    public async Task<NetworkChange> DisconnectAsync(SandboxRequest request, string network, Fd? sandbox, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var record = Find(network);
        var before = _endpoints.GetValueOrDefault(request.ContainerId, []);
        var removed = before.FirstOrDefault(endpoint => endpoint.NetworkId == record.Network.Id)
            ?? throw WharfException.Conflict($"container {request.ContainerId} is not connected to network {record.Network.Name}");
        EndpointRecord[] after = [.. before.Where(endpoint => endpoint != removed)];
        if (removed.Ports.Count > 0)
        {
            RemoveRules(removed);
            _ports.Release(request.ContainerId);
        }
        if (sandbox is not null) await ChangeAsync(sandbox, before, after);
        lock (_lock)
        {
            _endpoints[request.ContainerId] = after;
            ReleaseAddresses(removed);
        }
        await LeaveAsync([removed]);
        await ReturnAsync(LeasesOf([removed]));
        after = await MovePortsAsync(request, before, after);
        _store.SaveEndpoints(request.ContainerId, after);
        PublishEvent("disconnect", record.Network, request.ContainerId);
        return new NetworkChange(after.ToDictionary(endpoint => Find(endpoint.NetworkId).Network.Name!, endpoint => endpoint.Settings), PortsOf(request, after));
    }

    /// <summary>
    /// The interfaces of a container that has ended, out of a namespace that others keep: else they would go on answering for addresses that
    /// are free. Called before <see cref="TearDownAsync"/>.
    /// </summary>
    public async Task RemoveInterfacesAsync(string containerId, Fd sandbox)
    {
        var wired = _endpoints.GetValueOrDefault(containerId, []).Where(record => record.Interface.Length > 0).ToList();
        if (wired.Count == 0) return;
        using var host = OpenHost();
        await NetworkNamespace.EnterAsync(sandbox, () =>
        {
            using var inside = new RouteNetlink();
            foreach (var record in wired) TakeOut(inside, record, host);
            return wired.Count;
        });
    }

    /// <summary>
    /// Interfaces come before the default route moves to them and go after it has left them. What was made is removed again when a step fails.
    /// </summary>
    private async Task ChangeAsync(Fd sandbox, EndpointRecord[] before, EndpointRecord[] after)
    {
        var (oldGateways, newGateways) = (GatewaysOf(before), GatewaysOf(after));
        var added = after.Except(before).Where(record => record.Interface.Length > 0).ToList();
        // From the host's side; the kernel chooses the index inside.
        foreach (var record in added) AddInterface(record, sandbox, index: 0);
        bool nameServer = added.Exists(HasNames) && !before.Any(HasNames);
        using var host = OpenHost();
        await NetworkNamespace.EnterAsync(sandbox, () =>
        {
            if (nameServer) _nameServerRules.Install();
            using var inside = new RouteNetlink();
            try
            {
                foreach (var record in added) ConfigureAdded(inside, record);
                MoveDefaultRoute(inside, oldGateways.V4, newGateways.V4, v6: false);
                MoveDefaultRoute(inside, oldGateways.V6, newGateways.V6, v6: true);
            }
            catch
            {
                foreach (var record in added) TakeOut(inside, record, host);
                throw;
            }
            foreach (var record in before.Except(after).Where(record => record.Interface.Length > 0)) TakeOut(inside, record, host);
            return 0;
        });
    }

    /// <summary>The daemon's own network namespace.</summary>
    private static Fd OpenHost() => OpenAt.Open("/proc/self/ns/net", Linux.Fds.O.RDONLY);

    /// <summary>An interface that a plugin made goes back to where it came from, under its name there; ours ends.</summary>
    private static void TakeOut(RouteNetlink inside, EndpointRecord record, Fd host)
    {
        if (RouteNetlink.IndexOf(record.Interface) is not { } index) return;
        inside.Do(record.Remote is { SourceName: { Length: > 0 } name } ? RouteRequest.Move(index, name, host) : RouteRequest.DeleteLink(index));
    }

    private void ConfigureAdded(RouteNetlink inside, EndpointRecord record)
    {
        int index = RouteNetlink.IndexOf(record.Interface) ?? throw new WharfException(ErrorKind.Internal, $"interface {record.Interface} vanished");
        WriteSettings(SettingsOf(record, inheritedIPv6: null));
        var requests = new List<(string, NetlinkMessage)>();
        Configure(requests, record, index);
        inside.Do([.. requests]);
    }

    private void MoveDefaultRoute(RouteNetlink inside, EndpointRecord? from, EndpointRecord? to, bool v6)
    {
        if (from?.Settings.EndpointID == to?.Settings.EndpointID) return;
        var requests = new List<(string, NetlinkMessage)>();
        // The container may have changed its routes itself: one that is gone is no error, so each goes on its own.
        if (from is not null && RouteNetlink.IndexOf(from.Interface) is { } oldIndex && (v6 ? from.Settings.IPv6Gateway : from.Settings.Gateway) is { Length: > 0 } gateway)
        {
            try { inside.Do(RouteRequest.RemoveDefaultRoute(System.Net.IPAddress.Parse(gateway), oldIndex)); }
            catch (Linux.Syscalls.SyscallException error) when (error.Errno == Linux.Syscalls.Errno.ESRCH) { /* gone already */ }
        }
        if (to is not null && RouteNetlink.IndexOf(to.Interface) is { } newIndex) AddDefaultRoute(requests, to, newIndex, v6);
        inside.Do([.. requests]);
    }

    /// <summary>Published ports stay with the default route; the sockets that hold them stay too where the host address is the same.</summary>
    private Task<EndpointRecord[]> MovePortsAsync(SandboxRequest request, EndpointRecord[] before, EndpointRecord[] after)
    {
        if (GatewaysOf(before).Same(GatewaysOf(after))) return Task.FromResult(after);
        foreach (var record in after.Where(record => record.Ports.Count > 0)) RemoveRules(record);
        _ports.Release(request.ContainerId);
        EndpointRecord[] bare = [.. after.Select(record => record.Ports.Count > 0 ? record with { Ports = [] } : record)];
        _endpoints[request.ContainerId] = bare;
        return PublishAsync(request with { PortBindings = Pinned(request.PortBindings, before) }, bare);
    }

    /// <summary>Ports that were chosen for the container stay its own when they move.</summary>
    private static Dictionary<string, List<PortBinding>?> Pinned(IReadOnlyDictionary<string, List<PortBinding>?> asked, EndpointRecord[] before)
    {
        var pinned = new Dictionary<string, List<PortBinding>?>(asked);
        foreach (var group in before.SelectMany(record => record.Ports).Where(port => !port.Routed).GroupBy(port => $"{port.ContainerPort}/{port.Protocol}"))
            pinned[group.Key] = [.. group.DistinctBy(port => port.HostPort).Select(port => new PortBinding { HostIp = port.HostAddress is "0.0.0.0" or "::" ? "" : port.HostAddress, HostPort = port.HostPort.ToString(System.Globalization.CultureInfo.InvariantCulture) })];
        return pinned;
    }
}

/// <summary>A running container's network after one was joined or left.</summary>
public sealed record NetworkChange(IReadOnlyDictionary<string, EndpointSettings> Endpoints, IReadOnlyDictionary<string, List<PortBinding>?> Ports);
