using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Wharf.Engine.Networks;

/// <summary>Chooses subnets for networks that name none: docker's default pools, less what this machine already routes.</summary>
public static class AddressPools
{
    /// <summary>What docker0 has on a machine where docker has been started and nothing else been asked for.</summary>
    public static Subnet DockersBridge { get; } = new(172u << 24 | 17u << 16, 16, false);

    /// <summary>docker has its state here: its default bridge comes back with its next start, whether it runs now or not.</summary>
    public static bool DockerIsInstalled => Directory.Exists("/var/lib/docker/network");

    /// <summary>172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/16 in steps of /20.</summary>
    public static IEnumerable<Subnet> Default()
    {
        for (uint second = 17; second <= 31; second++) yield return new Subnet(172u << 24 | second << 16, 16, false);
        for (uint third = 0; third < 256; third += 16) yield return new Subnet(192u << 24 | 168u << 16 | third << 8, 20, false);
    }

    /// <summary>Unique local /64 subnets (RFC 4193) below a /48 that the instance's tag decides.</summary>
    public static IEnumerable<Subnet> DefaultIPv6(string instanceTag)
    {
        // 0xfd, then 40 bits that are as good as random, then the subnet's number.
        var global = ((UInt128)0xfd << 32 | uint.Parse(instanceTag, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)) << 8 | 0x77;
        for (int number = 0; number < 65536; number++) yield return new Subnet(global << 80 | (UInt128)number << 64, 64, true);
    }

    /// <summary>All subnets of a pool, of the size it is cut into.</summary>
    public static IEnumerable<Subnet> Split(AddressPool pool)
    {
        var step = UInt128.One << (pool.Base.Bits - pool.Size);
        for (var first = pool.Base.First; first <= pool.Base.Last && first >= pool.Base.First; first += step) yield return new Subnet(first, pool.Size, pool.Base.IsIPv6);
    }

    /// <summary>The first pool that overlaps nothing of <paramref name="taken"/>; null when none is left.</summary>
    public static Subnet? Choose(IEnumerable<Subnet> pools, IReadOnlyCollection<Subnet> taken)
    {
        foreach (var pool in pools) if (!taken.Any(pool.Overlaps)) return pool;
        return null;
    }

    /// <summary>Subnets the host has routes to (/proc/net/route: addresses are little-endian hex) by interface; the default route takes nothing.</summary>
    public static List<(string Interface, Subnet Subnet)> HostRoutes(IEnumerable<string> lines)
    {
        var routes = new List<(string, Subnet)>();
        foreach (var line in lines.Skip(1))
        {
            var fields = line.Split('\t', StringSplitOptions.TrimEntries);
            if (fields.Length < 8) continue;
            int length = BitOperations.PopCount(Number(fields[7]));
            if (length > 0) routes.Add((fields[0], new Subnet(Number(fields[1]), length, false)));
        }
        return routes;
    }

    /// <summary>The same of IPv6 (/proc/net/ipv6_route: address and length in hex, the interface last); what every machine has, link-local and multicast, takes nothing.</summary>
    public static List<(string Interface, Subnet Subnet)> HostRoutes6(IEnumerable<string> lines)
    {
        var routes = new List<(string, Subnet)>();
        foreach (var line in lines)
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 10 || fields[^1] == "lo") continue;
            int length = int.Parse(fields[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            var first = UInt128.Parse(fields[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (length > 0 && first >> 118 != 0xfe80 >> 6 && first >> 120 != 0xff) routes.Add((fields[^1], new Subnet(first, length, true)));
        }
        return routes;
    }

    /// <summary>All that a subnet we choose must not hide from the host: its routes, and the name servers it asks.</summary>
    public static List<Subnet> TakenByHost()
    {
        const string Routes6 = "/proc/net/ipv6_route";
        List<Subnet> taken = [.. HostRoutes(File.ReadLines("/proc/net/route")).Select(route => route.Subnet)];
        if (File.Exists(Routes6)) taken.AddRange(HostRoutes6(File.ReadLines(Routes6)).Select(route => route.Subnet));
        foreach (var server in ResolverConfig.HostServers())
            if (Subnet.TryParseAddress(server, out var address)) taken.Add(new Subnet(Subnet.ToNumber(address), Subnet.IsV6(address) ? 128 : 32, Subnet.IsV6(address)));
        return taken;
    }

    private static uint Number(string text) => BinaryPrimitives.ReverseEndianness(uint.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
}

/// <summary>A range that networks without a subnet of their own get one from, cut into subnets of a prefix length (docker's default-address-pools).</summary>
public sealed record AddressPool(Subnet Base, int Size);
