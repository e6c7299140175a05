using System.Net;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>
/// Addresses of one subnet of a network. Network and broadcast address, gateway and auxiliary addresses are never given out. Not safe for
/// several threads: the network service has one lock for all.
/// </summary>
public sealed class AddressAllocator
{
    private readonly HashSet<UInt128> _taken;
    private readonly Subnet _range;
    private UInt128 _lowest;

    public AddressAllocator(Subnet subnet, Subnet? range, IEnumerable<IPAddress> reserved)
    {
        Subnet = subnet;
        _range = range ?? subnet;
        _lowest = _range.First;
        _taken = [.. reserved.Where(subnet.Contains).Select(Subnet.ToNumber)];
        // Point-to-point subnets have neither network nor broadcast address (RFC 3021); IPv6 has no broadcast.
        if (subnet.PrefixLength > subnet.Bits - 2) return;
        _taken.Add(subnet.First);
        if (!subnet.IsIPv6) _taken.Add(subnet.Last);
    }

    public static AddressAllocator Of(IpamConfig config)
    {
        var reserved = new List<IPAddress>();
        if (Subnet.TryParseAddress(config.Gateway, out var gateway)) reserved.Add(gateway);
        foreach (var text in config.AuxiliaryAddresses?.Values ?? Enumerable.Empty<string>()) if (Subnet.TryParseAddress(text, out var auxiliary)) reserved.Add(auxiliary);
        return new AddressAllocator(Subnet.Parse(config.Subnet!), Subnet.TryParse(config.IPRange, out var range) ? range : null, reserved);
    }

    public Subnet Subnet { get; }

    /// <summary>What is taken of the subnet, its reserved addresses included, and what is free of the range.</summary>
    public SubnetStatus Status => new() { IPsInUse = (ulong)_taken.Count, DynamicIPsAvailable = Saturated(_range.Last - _range.First + 1 - (UInt128)_taken.Count(_range.Contains)) };

    private static ulong Saturated(UInt128 count) => count > ulong.MaxValue ? ulong.MaxValue : (ulong)count;

    /// <summary>The lowest free address of the range.</summary>
    public IPAddress Allocate()
    {
        for (var number = _lowest; number <= _range.Last; number++)
        {
            if (_taken.Add(number))
            {
                _lowest = number;
                return Subnet.ToAddress(number);
            }
            if (number == UInt128.MaxValue) break;
        }
        _lowest = _range.Last;
        throw new WharfException(ErrorKind.Internal, $"no available {(Subnet.IsIPv6 ? "IPv6" : "IPv4")} addresses on this network's address pools");
    }

    /// <summary>A chosen address; Forbidden when it is taken, InvalidArgument when it is outside.</summary>
    public void Allocate(IPAddress address)
    {
        if (!Subnet.Contains(address)) throw WharfException.Invalid($"no configured subnet or ip-range contain the IP address {address}");
        if (!_taken.Add(Subnet.ToNumber(address))) throw new WharfException(ErrorKind.Forbidden, "Address already in use");
    }

    /// <summary>Takes an address that a running container has, whatever the state says.</summary>
    public void Adopt(IPAddress address)
    {
        if (Subnet.Contains(address)) _taken.Add(Subnet.ToNumber(address));
    }

    public void Release(IPAddress address)
    {
        var number = Subnet.ToNumber(address);
        if (!_taken.Remove(number)) return;
        if (_range.Contains(number) && number < _lowest) _lowest = number;
    }
}

/// <summary>The address pools of one network: at most one of each family.</summary>
internal sealed class NetworkAddresses(Network network)
{
    public AddressAllocator? V4 { get; } = Of(network, v6: false);
    public AddressAllocator? V6 { get; } = Of(network, v6: true);

    private static AddressAllocator? Of(Network network, bool v6) =>
        network.IPAM?.Config?.FirstOrDefault(config => Subnet.TryParse(config.Subnet, out var subnet) && subnet.IsIPv6 == v6) is { } config ? AddressAllocator.Of(config) : null;

    public void Release(IPAddress address) => (Subnet.IsV6(address) ? V6 : V4)?.Release(address);
    public void Adopt(IPAddress address) => (Subnet.IsV6(address) ? V6 : V4)?.Adopt(address);
}
