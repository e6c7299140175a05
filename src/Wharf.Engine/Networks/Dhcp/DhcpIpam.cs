using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Wharf.Engine.Networks.Plugins;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks.Dhcp;

/// <summary>
/// The IPAM driver <c>dhcp</c>: containers on a cable, by macvlan or a bridge, get the addresses that the cable's own DHCP server gives them. Leases are
/// renewed while the daemon runs, asked for anew when it starts, and given back when a container ends or leaves.
/// </summary>
internal sealed class DhcpIpam(ILogger log) : IIpamDriver, IDisposable
{
    public const string DriverName = "dhcp";

    private static readonly TimeSpan LeastPause = TimeSpan.FromSeconds(10), PauseWithoutLease = TimeSpan.FromMinutes(1), MostPause = TimeSpan.FromDays(7);

    private readonly ConcurrentDictionary<(string Device, string Address), Lease> _leases = new();
    private readonly CancellationTokenSource _stopping = new();

    public bool RequiresMac => true;

    /// <summary>What networks can have it: a bridge must be there already, since it is the user who plugs it in; the server is the parent's, and there is no DHCPv6. Which addresses it gives is the server's to say.</summary>
    public static void Check(NetworkCreateRequest request, Network network)
    {
        if (network.Driver == "macvlan" ? ParentOptions.Of(network) is null : network.Driver != "bridge" || !Interfaces.IsBridge(DeviceOf(network)))
            throw WharfException.Invalid($"the IPAM driver dhcp is for macvlan networks with a parent interface (-d macvlan -o parent=…) and for bridges that are there already (-o {BridgeOptions.Name}=…)");
        if (network.EnableIPv6 == true || network.EnableIPv4 != true) throw WharfException.Invalid("the IPAM driver dhcp is for IPv4 alone");
        if (request.IPAM?.Config?.Exists(config => config.IPRange is { Length: > 0 }) == true) throw WharfException.Invalid("the IPAM driver dhcp takes no range of addresses: the server has its own");
    }

    /// <summary>On a bridge of the user's the host keeps the addresses that it has, and packets leave under the containers' own.</summary>
    public static Dictionary<string, string> OptionsFor(Network network)
    {
        var options = new Dictionary<string, string>(network.Options!);
        if (network.Driver != "bridge") return options;
        options.TryAdd(BridgeOptions.InhibitIPv4, "true");
        options.TryAdd(BridgeOptions.EnableMasquerade, "false");
        return options;
    }

    private static string DeviceOf(Network network) => (network.Driver == "bridge" ? network.Options?.GetValueOrDefault(BridgeOptions.Name) : ParentOptions.Of(network)) ?? "";

    /// <summary>The subnet that the user names, or the one that a server offers addresses of.</summary>
    public async Task<PoolLease> LeaseAsync(Network network, IpamConfig? config, Dictionary<string, string>? options, bool v6, CancellationToken cancellation)
    {
        var device = DeviceOf(network);
        var auxiliary = config?.AuxiliaryAddresses?.Values.ToList() ?? [];
        if (config is not null) return new PoolLease { PoolId = device, AddressSpace = DriverName, Subnet = Subnet.Parse(config.Subnet!).ToString(), Gateway = config.Gateway, Auxiliary = auxiliary };
        var offer = await DhcpClient.DiscoverAsync(device, Interfaces.RandomMac(), wanted: null, hostname: "", cancellation);
        return new PoolLease { PoolId = device, AddressSpace = DriverName, Subnet = Subnet.Around(offer.Yours!, offer.PrefixLength).ToString(), Gateway = offer.Router?.ToString() };
    }

    /// <summary>The server knows of no pools.</summary>
    public Task ReleaseAsync(PoolLease lease, CancellationToken cancellation) => Task.CompletedTask;

    public async Task<string> AddressAsync(PoolLease pool, AddressWish wish, CancellationToken cancellation)
    {
        var mac = Interfaces.ParseMac(wish.Mac);
        var granted = await DhcpClient.AcquireAsync(pool.PoolId, mac, wish.Address is { Length: > 0 } wanted ? IPAddress.Parse(wanted) : null, wish.Hostname, cancellation);
        var address = granted.Yours!;
        // A server that has lost its memory, or another one. To give it back would take it from the container that has it.
        if (_leases.TryGetValue((pool.PoolId, address.ToString()), out var other) && !other.Mac.AsSpan().SequenceEqual(mac)) throw new WharfException(ErrorKind.Internal, $"{Giver()}, which {Interfaces.TextOf(other.Mac)} has");
        if (!Subnet.Parse(pool.Subnet).Contains(address))
        {
            try { await DhcpClient.ReleaseAsync(pool.PoolId, mac, address, granted.Server!, CancellationToken.None); }
            catch (System.Net.Sockets.SocketException) { /* the server takes it back when its time is over; what is wrong is the address */ }
            throw new WharfException(ErrorKind.Internal, $"{Giver()}, which is not in the network's subnet {pool.Subnet}");
        }
        await KeepAsync(pool.PoolId, mac, wish.Hostname, granted);
        return address.ToString();

        string Giver() => $"the DHCP server {granted.Server} on {pool.PoolId} gave {address}";
    }

    public async Task ReleaseAddressAsync(PoolLease pool, string address, string mac, CancellationToken cancellation)
    {
        if (!_leases.TryRemove((pool.PoolId, address), out var lease)) return;
        await lease.DisposeAsync();
        try { await DhcpClient.ReleaseAsync(pool.PoolId, lease.Mac, IPAddress.Parse(address), lease.Server, cancellation); }
        catch (System.Net.Sockets.SocketException error) { throw WharfException.Unavailable($"the address {address} could not be given back on {pool.PoolId}: {error.Message}"); }
    }

    /// <summary>After a restart of the daemon: leases of containers that went on running are asked for anew at once, in the background.</summary>
    public async Task ReplayAsync(NetworkRecord network, PoolLease pool, IReadOnlyList<AddressWish> addresses, CancellationToken cancellation)
    {
        foreach (var held in addresses)
            await KeepAsync(pool.PoolId, Interfaces.ParseMac(held.Mac), held.Hostname, new DhcpMessage { Yours = IPAddress.Parse(held.Address!), Server = IPAddress.Any });
    }

    private async Task KeepAsync(string device, byte[] mac, string hostname, DhcpMessage granted)
    {
        var key = (device, granted.Yours!.ToString());
        if (_leases.TryRemove(key, out var before)) await before.DisposeAsync();
        var lease = new Lease(mac, granted.Server ?? IPAddress.Any, CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token));
        _leases[key] = lease;
        lease.Renewing = RenewAsync(device, lease, hostname, granted);
    }

    /// <summary>Half the lease's time after each grant it is asked for again, then in ever shorter pauses; each minute when it has ended.</summary>
    private async Task RenewAsync(string device, Lease lease, string hostname, DhcpMessage granted)
    {
        var cancellation = lease.Ended.Token;
        var end = DateTime.UtcNow + Capped(granted.Lease);
        var pause = granted.Lease == TimeSpan.Zero ? TimeSpan.Zero : PauseOf(granted);
        bool told = false;
        try
        {
            while (true)
            {
                await Task.Delay(pause, cancellation);
                try
                {
                    granted = await DhcpClient.RenewAsync(device, lease.Mac, granted.Yours!, hostname, cancellation);
                    if (granted.Server is not null) lease.Server = granted.Server;
                    (end, told) = (DateTime.UtcNow + Capped(granted.Lease), false);
                    pause = PauseOf(granted);
                }
                catch (Exception error) when (error is WharfException or System.Net.Sockets.SocketException)
                {
                    if (!told) log.LeaseNotRenewed(granted.Yours!.ToString(), device, end, error);
                    var left = end - DateTime.UtcNow;
                    (told, pause) = (true, left > TimeSpan.Zero ? Longer(LeastPause, left / 2) : PauseWithoutLease);
                }
            }
        }
        catch (OperationCanceledException) { /* the container has ended, or the daemon stops */ }
    }

    // A server may tell when to renew; not after the lease's end.
    private static TimeSpan PauseOf(DhcpMessage granted) => Longer(LeastPause, Capped(granted.Renew > TimeSpan.Zero && granted.Renew < granted.Lease ? granted.Renew : granted.Lease / 2));

    // Delays have an upper bound, and a lease may be for ever.
    private static TimeSpan Capped(TimeSpan time) => time < MostPause ? time : MostPause;
    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    public void Dispose()
    {
        _stopping.Cancel();
        _stopping.Dispose();
    }

    private sealed class Lease(byte[] mac, IPAddress server, CancellationTokenSource ended) : IAsyncDisposable
    {
        public byte[] Mac => mac;
        public IPAddress Server { get; set; } = server;
        public CancellationTokenSource Ended => ended;
        public Task Renewing { get; set; } = Task.CompletedTask;

        public async ValueTask DisposeAsync()
        {
            await ended.CancelAsync();
            await Renewing;
            ended.Dispose();
        }
    }
}
