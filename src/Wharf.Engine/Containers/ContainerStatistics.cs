using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>One sample of what a container uses, read from its cgroup and network namespace; units as the Engine API has them (bytes, nanoseconds).</summary>
internal static class ContainerStatistics
{
    private const ulong NanosecondsPerTick = 10_000_000; // USER_HZ is 100 on every architecture Linux runs on here (time(7))

    public static ContainerStatsResponse Read(Container container, ulong hostMemory)
    {
        int pid = container.State.Pid;
        var response = new ContainerStatsResponse
        {
            Id = container.Id, Name = "/" + container.Name, Read = Format(DateTimeOffset.UtcNow), Preread = "0001-01-01T00:00:00Z", NumProcs = 0,
            StorageStats = new ContainerStorageStats(), PrecpuStats = EmptyCpu(), CpuStats = EmptyCpu(), PidsStats = new ContainerPidsStats(),
            BlkioStats = new ContainerBlkioStats(), MemoryStats = new ContainerMemoryStats(),
        };
        if (pid != 0 && !CgroupRoot.MayMake)
        {
            // What its own group would tell is nobody's: the container is in that of whoever started the daemon.
            response.PidsStats = new ContainerPidsStats { Current = (ulong)PidNamespace.ProcessesWith(pid).Count };
            response.Networks = container.HostConfig.NetworkMode is "host" or "none" ? null : Networks(pid);
            return response;
        }
        if (pid == 0 || CgroupReader.Of(pid) is not { } cgroup)
        {
            response.Read = response.Preread;
            return response;
        }
        response.CpuStats = cgroup.IsV2 ? CpuV2(cgroup) : CpuV1(cgroup);
        response.MemoryStats = cgroup.IsV2 ? MemoryV2(cgroup, hostMemory) : MemoryV1(cgroup, hostMemory);
        response.BlkioStats = cgroup.IsV2 ? BlockV2(cgroup) : BlockV1(cgroup);
        // Of no limit docker says nothing on v1, and the greatest number on v2.
        ulong? limit = cgroup.Number("pids", "pids.max") is { } most && (cgroup.IsV2 || most != ulong.MaxValue) ? most : null;
        response.PidsStats = new ContainerPidsStats { Current = cgroup.Number("pids", "pids.current"), Limit = limit };
        response.Networks = container.HostConfig.NetworkMode is "host" or "none" ? null : Networks(pid);
        return response;
    }

    public static ContainerCpuStats EmptyCpu() => new()
    {
        CpuUsage = new ContainerCpuUsage { TotalUsage = 0, UsageInKernelmode = 0, UsageInUsermode = 0 },
        ThrottlingData = new ContainerThrottlingData { Periods = 0, ThrottledPeriods = 0, ThrottledTime = 0 },
    };

    private static ContainerCpuStats CpuV1(CgroupReader cgroup)
    {
        var stat = cgroup.Table("cpuacct", "cpuacct.stat");
        var throttling = cgroup.Table("cpu", "cpu.stat");
        return new ContainerCpuStats
        {
            CpuUsage = new ContainerCpuUsage
            {
                TotalUsage = cgroup.Number("cpuacct", "cpuacct.usage") ?? 0,
                PercpuUsage = PerCpu(cgroup.Read("cpuacct", "cpuacct.usage_percpu")),
                UsageInKernelmode = stat.GetValueOrDefault("system") * NanosecondsPerTick,
                UsageInUsermode = stat.GetValueOrDefault("user") * NanosecondsPerTick,
            },
            SystemCpuUsage = SystemCpu(),
            OnlineCpus = Environment.ProcessorCount,
            ThrottlingData = new ContainerThrottlingData
            {
                Periods = throttling.GetValueOrDefault("nr_periods"), ThrottledPeriods = throttling.GetValueOrDefault("nr_throttled"), ThrottledTime = throttling.GetValueOrDefault("throttled_time"),
            },
        };
    }

    private static ContainerCpuStats CpuV2(CgroupReader cgroup)
    {
        var stat = cgroup.Table("cpu", "cpu.stat");
        return new ContainerCpuStats
        {
            CpuUsage = new ContainerCpuUsage
            {
                TotalUsage = stat.GetValueOrDefault("usage_usec") * 1000,
                UsageInKernelmode = stat.GetValueOrDefault("system_usec") * 1000,
                UsageInUsermode = stat.GetValueOrDefault("user_usec") * 1000,
            },
            SystemCpuUsage = SystemCpu(),
            OnlineCpus = Environment.ProcessorCount,
            ThrottlingData = new ContainerThrottlingData
            {
                Periods = stat.GetValueOrDefault("nr_periods"), ThrottledPeriods = stat.GetValueOrDefault("nr_throttled"), ThrottledTime = stat.GetValueOrDefault("throttled_usec") * 1000,
            },
        };
    }

    private static List<ulong>? PerCpu(string? text) =>
        text?.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(part => part.Length > 0).Select(part => ulong.Parse(part, CultureInfo.InvariantCulture)).ToList();

    /// <summary>Time all processors have spent, idle included (proc_stat(5), the first eight columns).</summary>
    private static ulong SystemCpu()
    {
        var line = File.ReadLines("/proc/stat").First();
        ulong ticks = 0;
        foreach (var part in line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8)) ticks += ulong.Parse(part, CultureInfo.InvariantCulture);
        return ticks * NanosecondsPerTick;
    }

    private static ContainerMemoryStats MemoryV1(CgroupReader cgroup, ulong hostMemory) => new()
    {
        Usage = cgroup.Number("memory", "memory.usage_in_bytes"),
        MaxUsage = cgroup.Number("memory", "memory.max_usage_in_bytes"),
        Failcnt = cgroup.Number("memory", "memory.failcnt") is { } count and > 0 ? count : null,
        Stats = cgroup.Table("memory", "memory.stat"),
        Limit = Math.Min(cgroup.Number("memory", "memory.limit_in_bytes") ?? hostMemory, hostMemory),
    };

    private static ContainerMemoryStats MemoryV2(CgroupReader cgroup, ulong hostMemory) => new()
    {
        Usage = cgroup.Number("memory", "memory.current"),
        Stats = cgroup.Table("memory", "memory.stat"),
        Limit = Math.Min(cgroup.Number("memory", "memory.max") ?? hostMemory, hostMemory),
    };

    private static ContainerBlkioStats BlockV1(CgroupReader cgroup) => new()
    {
        IoServiceBytesRecursive = Entries(cgroup.Read("blkio", "blkio.throttle.io_service_bytes_recursive")),
        IoServicedRecursive = Entries(cgroup.Read("blkio", "blkio.throttle.io_serviced_recursive")),
        IoQueueRecursive = [], IoServiceTimeRecursive = [], IoWaitTimeRecursive = [], IoMergedRecursive = [], IoTimeRecursive = [], SectorsRecursive = [],
    };

    /// <summary>Lines of <c>major:minor operation value</c>.</summary>
    private static List<ContainerBlkioStatEntry> Entries(string? text)
    {
        var entries = new List<ContainerBlkioStatEntry>();
        foreach (var line in (text ?? "").Split('\n'))
        {
            var parts = line.Split([':', ' ']);
            if (parts.Length != 4 || !ulong.TryParse(parts[0], out ulong major) || !ulong.TryParse(parts[1], out ulong minor) || !ulong.TryParse(parts[3], out ulong value)) continue;
            entries.Add(new ContainerBlkioStatEntry { Major = major, Minor = minor, Op = parts[2], Value = value });
        }
        return entries;
    }

    /// <summary>Lines of <c>major:minor rbytes=… wbytes=… rios=… wios=…</c> (cgroup-v2, io.stat).</summary>
    private static ContainerBlkioStats BlockV2(CgroupReader cgroup)
    {
        List<ContainerBlkioStatEntry> bytes = [], operations = [];
        foreach (var line in (cgroup.Read("io", "io.stat") ?? "").Split('\n'))
        {
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length < 2 || parts[0].Split(':') is not [var first, var second] || !ulong.TryParse(first, out ulong major) || !ulong.TryParse(second, out ulong minor)) continue;
            foreach (var pair in parts.Skip(1))
            {
                if (pair.Split('=') is not [var key, var text] || !ulong.TryParse(text, out ulong value)) continue;
                var (list, operation) = key switch { "rbytes" => (bytes, "read"), "wbytes" => (bytes, "write"), "rios" => (operations, "read"), "wios" => (operations, "write"), _ => (null, "") };
                list?.Add(new ContainerBlkioStatEntry { Major = major, Minor = minor, Op = operation, Value = value });
            }
        }
        return new ContainerBlkioStats { IoServiceBytesRecursive = bytes, IoServicedRecursive = operations };
    }

    /// <summary>Counters of all interfaces but lo (proc_pid_net(5)).</summary>
    private static Dictionary<string, ContainerNetworkStats>? Networks(int pid)
    {
        var networks = new Dictionary<string, ContainerNetworkStats>();
        try
        {
            foreach (var line in File.ReadLines($"/proc/{pid}/net/dev").Skip(2))
            {
                int colon = line.IndexOf(':');
                var name = line[..colon].Trim();
                var columns = line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (name == "lo" || columns.Length < 12) continue;
                ulong Column(int index) => ulong.Parse(columns[index], CultureInfo.InvariantCulture);
                networks[name] = new ContainerNetworkStats
                {
                    RxBytes = Column(0), RxPackets = Column(1), RxErrors = Column(2), RxDropped = Column(3),
                    TxBytes = Column(8), TxPackets = Column(9), TxErrors = Column(10), TxDropped = Column(11),
                };
            }
        }
        catch (IOException)
        {
            return null; // it has just ended
        }
        return networks;
    }

    private static string Format(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffff", CultureInfo.InvariantCulture) + "Z";
}
