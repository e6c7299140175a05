using System.Globalization;

namespace Wharf.Runtime.Cgroups.Stats;

/// <summary>Statistics of cgroup v1.</summary>
internal static class StatsV1
{
    private const ulong NanosecondsPerTick = 10_000_000; // USER_HZ is 100 on every architecture Linux runs on here (time(7))

    /// <param name="of">Gives a controller's directory; null where it is not mounted.</param>
    public static CgroupStats Read(Func<string, string?> of) => new()
    {
        Cpu = Cpu(of("cpu"), of("cpuacct")),
        Cpuset = of("cpuset") is { } cpuset ? Cpuset(cpuset) : new CpusetStats(),
        Memory = of("memory") is { } memory ? Memory(memory) : new MemoryStats(),
        Pids = of("pids") is { } pids ? StatsText.Pids(pids) : new PidsStats(),
        Blkio = of("blkio") is { } blkio ? Blkio(blkio) : new BlkioStats(),
        Hugetlb = of("hugetlb") is { } hugetlb ? Hugetlb(hugetlb) : [],
    };

    private static CpuStats Cpu(string? cpu, string? accounting)
    {
        var throttling = cpu is null ? [] : CgroupFile.Table(cpu + "/cpu.stat");
        var usage = new CpuUsage();
        if (accounting is not null)
        {
            var stat = CgroupFile.Table(accounting + "/cpuacct.stat");
            var (kernel, user) = PerCpu(CgroupFile.Read(accounting + "/cpuacct.usage_all"));
            usage = new CpuUsage
            {
                Total = CgroupFile.Number(accounting + "/cpuacct.usage") ?? 0,
                PerCpu = (CgroupFile.Read(accounting + "/cpuacct.usage_percpu") ?? "").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(part => ulong.Parse(part, CultureInfo.InvariantCulture)).ToList(),
                PerCpuKernel = kernel,
                PerCpuUser = user,
                Kernel = stat.GetValueOrDefault("system") * NanosecondsPerTick,
                User = stat.GetValueOrDefault("user") * NanosecondsPerTick,
            };
        }
        return new CpuStats
        {
            Usage = usage,
            Throttling = new Throttling { Periods = throttling.GetValueOrDefault("nr_periods"), ThrottledPeriods = throttling.GetValueOrDefault("nr_throttled"), ThrottledTime = throttling.GetValueOrDefault("throttled_time") },
        };
    }

    // cpuacct.usage_all: a head "cpu user system", then a line for each processor.
    private static (List<ulong>? Kernel, List<ulong>? User) PerCpu(string? text)
    {
        if (text is null) return (null, null);
        List<ulong> kernel = [], user = [];
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            var columns = line.Split(' ');
            if (columns.Length != 3) continue;
            user.Add(ulong.Parse(columns[1], CultureInfo.InvariantCulture));
            kernel.Add(ulong.Parse(columns[2], CultureInfo.InvariantCulture));
        }
        return (kernel, user);
    }

    private static CpusetStats Cpuset(string directory)
    {
        ulong Number(string file) => CgroupFile.Number($"{directory}/cpuset.{file}") ?? 0;
        return new CpusetStats
        {
            Cpus = StatsText.List(CgroupFile.ReadLine(directory + "/cpuset.cpus")), Mems = StatsText.List(CgroupFile.ReadLine(directory + "/cpuset.mems")),
            CpuExclusive = Number("cpu_exclusive"), MemHardwall = Number("mem_hardwall"), MemExclusive = Number("mem_exclusive"), MemoryMigrate = Number("memory_migrate"),
            MemorySpreadPage = Number("memory_spread_page"), MemorySpreadSlab = Number("memory_spread_slab"), MemoryPressure = Number("memory_pressure"),
            SchedLoadBalance = Number("sched_load_balance"), SchedRelaxDomainLevel = unchecked((long)Number("sched_relax_domain_level")),
        };
    }

    private static MemoryStats Memory(string directory)
    {
        var raw = CgroupFile.Table(directory + "/memory.stat");
        MemoryEntry Entry(string name) => new()
        {
            Limit = CgroupFile.Number($"{directory}/memory.{name}limit_in_bytes") ?? 0, Usage = CgroupFile.Number($"{directory}/memory.{name}usage_in_bytes") ?? 0,
            Max = CgroupFile.Number($"{directory}/memory.{name}max_usage_in_bytes") ?? 0, FailCount = CgroupFile.Number($"{directory}/memory.{name}failcnt") ?? 0,
        };
        return new MemoryStats { Cache = raw.GetValueOrDefault("cache"), Usage = Entry(""), Swap = Entry("memsw."), Kernel = Entry("kmem."), KernelTcp = Entry("kmem.tcp."), Raw = raw };
    }

    // The scheduler that counts is the one that is in use: CFQ's files (until 4.20), BFQ's, and, whatever the scheduler, the throttling layer's.
    private static BlkioStats Blkio(string directory)
    {
        List<BlkioEntry>? Entries(string file) => StatsText.Blkio(CgroupFile.Read($"{directory}/blkio.{file}"));
        if (Entries("io_serviced_recursive") is { } cfq)
            return new BlkioStats
            {
                IoServicedRecursive = cfq, IoServiceBytesRecursive = Entries("io_service_bytes_recursive"), IoQueueRecursive = Entries("io_queued_recursive"),
                IoServiceTimeRecursive = Entries("io_service_time_recursive"), IoWaitTimeRecursive = Entries("io_wait_time_recursive"), IoMergedRecursive = Entries("io_merged_recursive"),
                IoTimeRecursive = Entries("time_recursive"), SectorsRecursive = Entries("sectors_recursive"),
            };
        if (Entries("bfq.io_serviced_recursive") is { } bfq) return new BlkioStats { IoServicedRecursive = bfq, IoServiceBytesRecursive = Entries("bfq.io_service_bytes_recursive") };
        return new BlkioStats { IoServiceBytesRecursive = Entries("throttle.io_service_bytes_recursive"), IoServicedRecursive = Entries("throttle.io_serviced_recursive") };
    }

    private static Dictionary<string, HugetlbStats> Hugetlb(string directory) => StatsText.HugepageSizes().ToDictionary(size => size, size => new HugetlbStats
    {
        Usage = CgroupFile.Number($"{directory}/hugetlb.{size}.usage_in_bytes") ?? 0, Max = CgroupFile.Number($"{directory}/hugetlb.{size}.max_usage_in_bytes") ?? 0,
        FailCount = CgroupFile.Number($"{directory}/hugetlb.{size}.failcnt") ?? 0,
    });
}
