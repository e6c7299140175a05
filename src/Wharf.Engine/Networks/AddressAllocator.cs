using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Addresses of one network. Network and broadcast address, gateway and auxiliary addresses are never given out.</summary>
public sealed class AddressAllocator(Subnet subnet, Subnet? range, IEnumerable<uint> reserved)
{
    private readonly HashSet<uint> _taken = [subnet.First, subnet.Last, .. reserved];
    private readonly Subnet _range = range ?? subnet;
    private uint _lowest = (range ?? subnet).First;

    public Subnet Subnet { get; } = subnet;

    /// <summary>The lowest free address.</summary>
    public uint Allocate()
    {
        for (ulong address = _lowest; address <= _range.Last; address++)
        {
            if (!_taken.Add((uint)address)) continue;
            _lowest = (uint)address;
            return (uint)address;
        }
        throw WharfException.Conflict($"no available IPv4 addresses on this network's address pool ({_range})");
    }

    /// <summary>A chosen address; Conflict when it is taken, InvalidArgument when it is outside.</summary>
    public void Allocate(uint address)
    {
        if (!Subnet.Contains(address)) throw WharfException.Invalid($"no configured subnet contains IP address {Networks.Subnet.ToAddress(address)}");
        if (!_taken.Add(address)) throw new WharfException(ErrorKind.Forbidden, "Address already in use");
    }

    /// <summary>Takes an address that a running container has, whatever the state says.</summary>
    public void Adopt(uint address) => _taken.Add(address);

    public void Release(uint address)
    {
        _taken.Remove(address);
        if (address >= _range.First && address < _lowest) _lowest = address;
    }
}
