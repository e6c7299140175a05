using System.Globalization;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>Conversions between the units of the configuration, of version 1 and of version 2.</summary>
internal static class ResourceText
{
    /// <summary>
    /// v1's shares (2 to 262144, 1024 the norm) as v2's weight (1 to 10000, 100 the norm): the curve through the three points
    /// (2, 1), (1024, 100), (262144, 10000) that runc (since 1.3.2) and crun use.
    /// </summary>
    public static ulong WeightOfShares(ulong shares)
    {
        if (shares == 0) return 0;
        if (shares <= 2) return 1;
        if (shares >= 262144) return 10000;
        double log = Math.Log2(shares);
        return (ulong)Math.Ceiling(Math.Pow(10, (log * log + 125 * log) / 612.0 - 7.0 / 34.0));
    }

    /// <summary>v1's blkio weight (10 to 1000) as v2's io.weight (1 to 10000).</summary>
    public static ulong IoWeightOf(ushort weight) => weight == 0 ? 0 : 1 + (ulong)(Math.Max(weight, (ushort)10) - 10) * 9999 / 990;

    /// <summary>
    /// The configuration counts memory and swap together, v2 swap alone. 0: leave it; −1: no limit. <paramref name="memory"/> is the
    /// limit that will hold.
    /// </summary>
    public static long? SwapAlone(long swap, long memory)
    {
        if (memory == -1 && swap == 0) return -1;
        if (swap == 0) return null;
        if (swap == -1) return -1;
        const string Field = "linux.resources.memory.swap";
        if (memory is 0 or -1) throw new CgroupException(Field, "unable to set swap limit without memory limit");
        if (memory < 0) throw new CgroupException(Field, $"invalid memory value: {memory}");
        if (swap < memory) throw new CgroupException(Field, "memory+swap limit should be >= memory limit");
        return swap - memory;
    }

    /// <summary>A limit as v2 writes it: −1 is <c>max</c>.</summary>
    public static string Limit(long value) => value < 0 ? "max" : value.ToString(CultureInfo.InvariantCulture);

    public static string Rdma(string device, LinuxRdma limit)
    {
        var text = device;
        if (limit.HcaHandles is { } handles) text += $" hca_handle={handles}";
        if (limit.HcaObjects is { } objects) text += $" hca_object={objects}";
        return text;
    }
}
