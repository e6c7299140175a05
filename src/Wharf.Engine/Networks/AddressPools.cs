using System.Globalization;

namespace Wharf.Engine.Networks;

/// <summary>Chooses subnets for networks that name none: docker's default pools, less what this machine already routes.</summary>
public static class AddressPools
{
    /// <summary>172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/16 in steps of /20.</summary>
    public static IEnumerable<Subnet> Default()
    {
        for (uint second = 17; second <= 31; second++) yield return new Subnet(172u << 24 | second << 16, 16);
        for (uint third = 0; third < 256; third += 16) yield return new Subnet(192u << 24 | 168u << 16 | third << 8, 20);
    }

    /// <summary>The first pool that overlaps nothing of <paramref name="taken"/>; null when none is left.</summary>
    public static Subnet? Choose(IReadOnlyCollection<Subnet> taken)
    {
        foreach (var pool in Default()) if (!taken.Any(pool.Overlaps)) return pool;
        return null;
    }

    /// <summary>Subnets the host has routes to (/proc/net/route: addresses are little-endian hex); the default route takes nothing.</summary>
    public static List<Subnet> HostRoutes(IEnumerable<string> lines)
    {
        var routes = new List<Subnet>();
        foreach (var line in lines.Skip(1))
        {
            var fields = line.Split('\t', StringSplitOptions.TrimEntries);
            if (fields.Length < 8) continue;
            uint destination = Swap(uint.Parse(fields[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)), mask = Swap(uint.Parse(fields[7], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            int length = System.Numerics.BitOperations.PopCount(mask);
            if (length > 0) routes.Add(new Subnet(destination, length));
        }
        return routes;
    }

    private static uint Swap(uint value) => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value);
}
