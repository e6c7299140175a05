using System.Globalization;

namespace Wharf.Runtime.Cgroups.Stats;

/// <summary>Statistics of cgroup v2, in the terms of v1 where readers expect them (swap counts memory too).</summary>
internal static class StatsV2
{
    public static CgroupStats Read(string directory) => new()
    {
        Cpu = Cpu(directory),
        Memory = Memory(directory),
        Pids = StatsText.Pids(directory),
        Blkio = Blkio(directory),
        Hugetlb = Hugetlb(directory),
    };

    private static CpuStats Cpu(string directory)
    {
        var stat = CgroupFile.Table(directory + "/cpu.stat");
        ulong Nanoseconds(string name) => stat.GetValueOrDefault(name) * 1000;
        return new CpuStats
        {
            Usage = new CpuUsage { Total = Nanoseconds("usage_usec"), Kernel = Nanoseconds("system_usec"), User = Nanoseconds("user_usec") },
            Throttling = new Throttling { Periods = stat.GetValueOrDefault("nr_periods"), ThrottledPeriods = stat.GetValueOrDefault("nr_throttled"), ThrottledTime = Nanoseconds("throttled_usec") },
            Psi = StatsText.Pressure(CgroupFile.Read(directory + "/cpu.pressure")),
        };
    }

    private static MemoryStats Memory(string directory)
    {
        var raw = CgroupFile.Table(directory + "/memory.stat");
        MemoryEntry Entry(string name) => new()
        {
            Usage = CgroupFile.Number($"{directory}/{name}.current") ?? 0, Limit = CgroupFile.Number($"{directory}/{name}.max") ?? 0, Max = CgroupFile.Number($"{directory}/{name}.peak") ?? 0,
        };
        MemoryEntry usage = Entry("memory"), swap = Entry("memory.swap");
        return new MemoryStats
        {
            Cache = raw.GetValueOrDefault("file"),
            Usage = usage,
            Swap = new MemoryEntry { Usage = swap.Usage + usage.Usage, Limit = swap.Limit == ulong.MaxValue || usage.Limit == ulong.MaxValue ? ulong.MaxValue : swap.Limit + usage.Limit },
            Raw = raw,
            Psi = StatsText.Pressure(CgroupFile.Read(directory + "/memory.pressure")),
        };
    }

    /// <summary>Lines of <c>major:minor rbytes=… wbytes=… rios=… wios=…</c>.</summary>
    private static BlkioStats Blkio(string directory)
    {
        List<BlkioEntry> bytes = [], operations = [];
        foreach (var line in (CgroupFile.Read(directory + "/io.stat") ?? "").Split('\n'))
        {
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length < 2 || parts[0].Split(':') is not [var first, var second] || !ulong.TryParse(first, out ulong major) || !ulong.TryParse(second, out ulong minor)) continue;
            foreach (var pair in parts.Skip(1))
            {
                if (pair.Split('=') is not [var key, var text] || !ulong.TryParse(text, CultureInfo.InvariantCulture, out ulong value)) continue;
                var (list, operation) = key switch
                {
                    "rbytes" => (bytes, "Read"), "wbytes" => (bytes, "Write"), "dbytes" => (bytes, "Discard"),
                    "rios" => (operations, "Read"), "wios" => (operations, "Write"), "dios" => (operations, "Discard"),
                    _ => (null, ""),
                };
                list?.Add(new BlkioEntry { Major = major, Minor = minor, Op = operation, Value = value });
            }
        }
        return new BlkioStats
        {
            IoServiceBytesRecursive = bytes.Count > 0 ? bytes : null, IoServicedRecursive = operations.Count > 0 ? operations : null,
            Psi = StatsText.Pressure(CgroupFile.Read(directory + "/io.pressure")),
        };
    }

    private static Dictionary<string, HugetlbStats> Hugetlb(string directory) => StatsText.HugepageSizes()
        .Where(size => File.Exists($"{directory}/hugetlb.{size}.current"))
        .ToDictionary(size => size, size => new HugetlbStats
        {
            Usage = CgroupFile.Number($"{directory}/hugetlb.{size}.current") ?? 0, FailCount = CgroupFile.Table($"{directory}/hugetlb.{size}.events").GetValueOrDefault("max"),
        });
}
