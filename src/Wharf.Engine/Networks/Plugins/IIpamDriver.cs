using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Networks.Plugins;

/// <summary>Who gives the addresses of a network that does not use our own pools.</summary>
internal interface IIpamDriver
{
    /// <summary>It wants to know for which MAC address it gives an address.</summary>
    bool RequiresMac { get; }

    /// <summary>A pool of one family, with the gateway's address taken from it. <paramref name="config"/>: what the user wants of it. On failure nothing is left.</summary>
    Task<PoolLease> LeaseAsync(Network network, IpamConfig? config, Dictionary<string, string>? options, bool v6, CancellationToken cancellation);

    /// <summary>Gives a pool back with all addresses of it that the network itself has.</summary>
    Task ReleaseAsync(PoolLease lease, CancellationToken cancellation);

    /// <summary>An address for an endpoint, that one if it is named.</summary>
    Task<string> AddressAsync(PoolLease pool, AddressWish wish, CancellationToken cancellation);

    Task ReleaseAddressAsync(PoolLease pool, string address, string mac, CancellationToken cancellation);

    /// <summary>The daemon has started: these addresses of the pool are still in use.</summary>
    Task ReplayAsync(NetworkRecord network, PoolLease pool, IReadOnlyList<AddressWish> addresses, CancellationToken cancellation);
}

/// <summary>An address, any or a certain one, for a MAC address and a container of a host name.</summary>
internal sealed record AddressWish(string? Address, string Mac, string Hostname);
