using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Netlink;

namespace Wharf.Engine.Networks;

/// <summary>A network namespace with lo up, settings made, and perhaps its first interface in place: what is left to do needs only <see cref="Inside"/>.</summary>
internal sealed record PreparedNamespace(Fd Namespace, RouteNetlink Inside, bool IPv6) : IDisposable
{
    /// <summary>Name on the host of the pair whose other end is inside as eth0, index 2; null when there is none.</summary>
    public string? HostInterface { get; init; }

    /// <summary>Gives up the namespace too; its interfaces end with it.</summary>
    public void Dispose()
    {
        Inside.Dispose();
        Namespace.Dispose();
    }
}

/// <summary>
/// Namespaces made before they are needed: about 1.4 ms of a start that nobody waits for. Each network that containers have been started
/// on keeps a few; the kernel frees them with the daemon, however it ends.
/// </summary>
internal sealed class NamespacePool(RouteNetlink host, NameServerRules nameServer, ILogger log) : IDisposable
{
    private const int Kept = 3, KeptOfUserNetworks = 1, KeptInAll = 12;
    private readonly ConcurrentDictionary<(string NetworkId, bool Names), Shelf> _shelves = new();
    private int _count;
    private bool _disposed;

    private sealed class Shelf(bool names)
    {
        public readonly bool Names = names;
        public readonly Queue<PreparedNamespace> Ready = new();
        public bool Filling, Closed;
    }

    /// <summary>One that is ready, or a new one. <paramref name="network"/> null: without an interface. <paramref name="names"/>: with a way to the name server.</summary>
    public async Task<PreparedNamespace> TakeAsync(NetworkRecord? network, int bridgeIndex, bool names)
    {
        var shelf = _shelves.GetOrAdd((network?.Network.Id ?? "", names), _ => new Shelf(names));
        PreparedNamespace? ready;
        lock (shelf) shelf.Ready.TryDequeue(out ready);
        if (ready is not null) Interlocked.Decrement(ref _count);
        var taken = ready ?? await PrepareAsync(network, bridgeIndex, names);
        Fill(shelf, network, bridgeIndex);
        return taken;
    }

    private void Fill(Shelf shelf, NetworkRecord? network, int bridgeIndex)
    {
        lock (shelf)
        {
            if (shelf.Filling || shelf.Closed) return;
            shelf.Filling = true;
        }
        _ = Task.Run(async () =>
        {
            try
            {
                while (await PutAsync(shelf, network, bridgeIndex)) { /* until full */ }
            }
            catch (IOException error)
            {
                // The next start that finds none makes its own and tells its client what is wrong. A network that has gone meanwhile needs none.
                bool closed;
                lock (shelf) closed = shelf.Closed;
                if (!closed) log.NotPrepared(network?.Network.Name ?? "none", error);
            }
            finally
            {
                lock (shelf) shelf.Filling = false;
            }
        });
    }

    private async Task<bool> PutAsync(Shelf shelf, NetworkRecord? network, int bridgeIndex)
    {
        int kept = network is null || network.Network.Name == NetworkService.DefaultBridge ? Kept : KeptOfUserNetworks;
        lock (shelf) if (shelf.Closed || shelf.Ready.Count >= kept) return false;
        if (Interlocked.Increment(ref _count) > KeptInAll)
        {
            Interlocked.Decrement(ref _count);
            return false;
        }
        PreparedNamespace made;
        try { made = await PrepareAsync(network, bridgeIndex, shelf.Names); }
        catch
        {
            Interlocked.Decrement(ref _count);
            throw;
        }
        lock (shelf)
        {
            if (!shelf.Closed)
            {
                shelf.Ready.Enqueue(made);
                return true;
            }
        }
        Interlocked.Decrement(ref _count);
        made.Dispose();
        return false;
    }

    private async Task<PreparedNamespace> PrepareAsync(NetworkRecord? network, int bridgeIndex, bool names)
    {
        bool v6 = network is null || network.Network.EnableIPv6 == true;
        var (fd, inside) = await NetworkNamespace.CreateAsync(fd =>
        {
            if (names) nameServer.Install();
            return (fd, OpenInside(v6));
        });
        var prepared = new PreparedNamespace(fd, inside, v6);
        if (network is null) return prepared;
        try
        {
            var name = HostName();
            host.Do(Interfaces.Veth(network, bridgeIndex, fd, name, "eth0", Interfaces.First));
            // Interfaces that a container makes itself, of a tunnel, say, may have IPv6.
            if (!v6) await NetworkNamespace.EnterAsync(fd, () => { NetworkSettingsFile.Write("ipv6/conf/default/disable_ipv6", "0"); return 0; });
            return prepared with { HostInterface = name };
        }
        catch
        {
            prepared.Dispose();
            throw;
        }
    }

    /// <summary>Runs in the new namespace: lo up, docker's defaults for containers, no IPv6 where none is given and no router that configures (CVE-2024-32473, CVE-2020-13401).</summary>
    private static RouteNetlink OpenInside(bool v6)
    {
        var inside = new RouteNetlink();
        try
        {
            inside.Do(RouteRequest.SetUp(Interfaces.Loopback));
            NetworkSettingsFile.Write("ipv6/conf/default/accept_ra", "0");
            NetworkSettingsFile.Write("ipv6/conf/default/disable_ipv6", v6 ? "0" : "1");
            if (v6) NetworkSettingsFile.Write("ipv6/conf/default/accept_dad", "0");
            NetworkSettingsFile.Write("ipv4/ip_unprivileged_port_start", "0");
            if (!UserNamespace.IsInner) NetworkSettingsFile.Write("ipv4/ping_group_range", "0 2147483647"); // numbers there that the namespace has not
            return inside;
        }
        catch
        {
            inside.Dispose();
            throw;
        }
    }

    public static string HostName() => "veth" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));

    /// <summary>Frees what is kept for a network that goes.</summary>
    public void Drop(string networkId)
    {
        foreach (var key in _shelves.Keys) if (key.NetworkId == networkId) Drop(key);
    }

    private void Drop((string, bool) key)
    {
        if (!_shelves.TryRemove(key, out var shelf)) return;
        List<PreparedNamespace> left;
        lock (shelf)
        {
            shelf.Closed = true;
            left = [.. shelf.Ready];
            shelf.Ready.Clear();
        }
        foreach (var prepared in left)
        {
            Interlocked.Decrement(ref _count);
            prepared.Dispose();
        }
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (var key in _shelves.Keys) Drop(key);
    }
}
