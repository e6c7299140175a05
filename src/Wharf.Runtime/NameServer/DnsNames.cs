using System.Globalization;
using System.Net;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.NameServer;

/// <summary>One container on one network, as others find it.</summary>
internal sealed record DnsHost(string ContainerId, string Name, string NetworkName, byte[]? IPv4, byte[]? IPv6);

/// <summary>What containers are called on which network. Used on the event loop only.</summary>
internal sealed class DnsNames
{
    private sealed class Zone
    {
        public readonly Dictionary<string, List<DnsHost>> ByName = new(StringComparer.Ordinal);
        public readonly Dictionary<UInt128, DnsHost> ByAddress = [];
        public readonly Dictionary<string, DnsHost> ByContainer = new(StringComparer.Ordinal);
    }

    private readonly Dictionary<string, Zone> _zones = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DnsContainer> _containers = new(StringComparer.Ordinal);

    public IReadOnlyCollection<string> Containers => _containers.Keys;

    /// <summary>Takes a container's names in, in place of those it had.</summary>
    public void Set(DnsContainer container)
    {
        Remove(container.Id);
        _containers[container.Id] = container;
        foreach (var endpoint in container.Endpoints)
        {
            if (!_zones.TryGetValue(endpoint.NetworkId, out var zone)) _zones[endpoint.NetworkId] = zone = new Zone();
            var host = new DnsHost(container.Id, endpoint.Names.FirstOrDefault() ?? "", endpoint.NetworkName, BytesOf(endpoint.IPv4), BytesOf(endpoint.IPv6));
            zone.ByContainer[container.Id] = host;
            foreach (var name in Lower(endpoint.Names))
            {
                if (!zone.ByName.TryGetValue(name, out var hosts)) zone.ByName[name] = hosts = new List<DnsHost>(1);
                hosts.Add(host);
            }
            if (host.IPv4 is not null) zone.ByAddress[Number(host.IPv4)] = host;
            if (host.IPv6 is not null) zone.ByAddress[Number(host.IPv6)] = host;
        }
    }

    public void Remove(string containerId)
    {
        if (!_containers.Remove(containerId, out var container)) return;
        foreach (var endpoint in container.Endpoints)
        {
            if (!_zones.TryGetValue(endpoint.NetworkId, out var zone) || !zone.ByContainer.Remove(containerId, out var host)) continue;
            foreach (var name in Lower(endpoint.Names))
                if (zone.ByName.TryGetValue(name, out var hosts) && hosts.Remove(host) && hosts.Count == 0) zone.ByName.Remove(name);
            foreach (var address in (ReadOnlySpan<byte[]?>)[host.IPv4, host.IPv6])
                if (address is not null && zone.ByAddress.TryGetValue(Number(address), out var holder) && holder == host) zone.ByAddress.Remove(Number(address));
            if (zone.ByContainer.Count == 0) _zones.Remove(endpoint.NetworkId);
        }
    }

    /// <summary>
    /// Finds the hosts a container means by a name on each of its networks in turn: what it is linked to there, then who has the name, which may have
    /// the network's behind it (<c>db.backend</c>). False when none is known; a known name may still have no address of the family asked for.
    /// </summary>
    public bool TryFind(string containerId, ReadOnlySpan<char> name, List<DnsHost> found)
    {
        found.Clear();
        if (!_containers.TryGetValue(containerId, out var asking)) return false;
        foreach (var endpoint in asking.Endpoints)
        {
            if (!_zones.TryGetValue(endpoint.NetworkId, out var zone)) continue;
            if (Find(endpoint, zone, name, found)) return true;
            var suffix = endpoint.NetworkName;
            int dot = name.Length - suffix.Length - 1;
            if (dot > 0 && name[dot] == '.' && name[(dot + 1)..].Equals(suffix, StringComparison.OrdinalIgnoreCase) && Find(endpoint, zone, name[..dot], found)) return true;
        }
        return false;
    }

    private static bool Find(DnsEndpoint asking, Zone zone, ReadOnlySpan<char> name, List<DnsHost> found)
    {
        if (asking.Links is { Count: > 0 } links)
        {
            foreach (var (alias, target) in links)
                if (name.Equals(alias, StringComparison.OrdinalIgnoreCase) && zone.ByName.TryGetValue(target, out var linked)) found.AddRange(linked);
            if (found.Count > 0) return true;
        }
        if (!zone.ByName.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out var hosts)) return false;
        found.AddRange(hosts);
        return true;
    }

    /// <summary>The host with the address that a name under in-addr.arpa or ip6.arpa stands for, if it is on a network of the container's.</summary>
    public DnsHost? FindAddress(string containerId, ReadOnlySpan<char> name)
    {
        if (!_containers.TryGetValue(containerId, out var asking) || !TryReverse(name, out var address)) return null;
        foreach (var endpoint in asking.Endpoints)
            if (_zones.TryGetValue(endpoint.NetworkId, out var zone) && zone.ByAddress.TryGetValue(address, out var host)) return host;
        return null;
    }

    /// <summary>Reads <c>2.0.18.172.in-addr.arpa</c> and the 32 nibbles before <c>ip6.arpa</c>.</summary>
    public static bool TryReverse(ReadOnlySpan<char> name, out UInt128 address)
    {
        address = 0;
        bool v6 = name.EndsWith(".ip6.arpa");
        if (!v6 && !name.EndsWith(".in-addr.arpa")) return false;
        var digits = name[..^(v6 ? ".ip6.arpa".Length : ".in-addr.arpa".Length)];
        int parts = 0;
        foreach (var range in digits.Split('.'))
        {
            if (parts == (v6 ? 32 : 4) || !byte.TryParse(digits[range], v6 ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out byte part) || (v6 && part > 15)) return false;
            address |= (UInt128)part << (parts++ * (v6 ? 4 : 8));
        }
        return parts == (v6 ? 32 : 4);
    }

    private static byte[]? BytesOf(string? address) => address is { Length: > 0 } && IPAddress.TryParse(address, out var parsed) ? parsed.GetAddressBytes() : null;

    private static UInt128 Number(byte[] address)
    {
        UInt128 number = 0;
        foreach (byte part in address) number = number << 8 | part;
        return number;
    }

    private static IEnumerable<string> Lower(IEnumerable<string> names) => names.Select(name => name.ToLowerInvariant()).Distinct(StringComparer.Ordinal);
}
