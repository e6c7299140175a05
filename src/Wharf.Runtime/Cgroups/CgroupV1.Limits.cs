using System.Globalization;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>The limits of version 1, in the order and with the checks of runc.</summary>
internal sealed partial class CgroupV1
{
    private const string Resources = "linux.resources.";

    private protected override void Apply(LinuxResources resources, List<string> warnings, bool creating)
    {
        if (resources.Unified is { Count: > 0 }) throw WharfException.Invalid("linux.resources.unified: invalid configuration: cannot use unified on cgroup v1");
        if (resources.Cpu is { } set) ApplyCpuset(set);
        if (creating) DeviceRulesV1.Apply(Of("devices"), resources.Devices);
        if (resources.Memory is { } memory) ApplyMemory(memory, warnings);
        if (resources.Cpu is { } cpu) ApplyCpu(cpu);
        if (resources.Pids?.Limit is { } pids and not 0) Set("pids", "pids.max", pids > 0 ? Text(pids) : "max", "pids.limit");
        if (resources.BlockIo is { } io) ApplyBlockIo(io);
        foreach (var page in resources.HugepageLimits ?? []) ApplyHugepages(page);
        foreach (var (device, limit) in resources.Rdma ?? []) Set("rdma", "rdma.max", ResourceText.Rdma(device, limit), "rdma");
        if (resources.Network is { } network) ApplyNetwork(network);
    }

    private protected override CurrentLimits Current => new(Long("memory", "memory.limit_in_bytes"), Long("memory", "memory.memsw.limit_in_bytes"),
        Long("cpu", "cpu.cfs_quota_us"), (ulong?)Long("cpu", "cpu.cfs_period_us"));

    private void ApplyMemory(LinuxMemory memory, List<string> warnings)
    {
        if (memory.Kernel is not null || memory.KernelTcp is not null) warnings.Add("kernel memory limits are obsolete and are ignored");
        ApplyMemoryAndSwap(memory.Limit ?? 0, memory.Swap ?? 0, warnings);
        if (memory.Reservation is { } reservation and not 0) Set("memory", "memory.soft_limit_in_bytes", Text(reservation), "memory.reservation");
        if (memory.DisableOomKiller == true) Set("memory", "memory.oom_control", "1", "memory.disableOOMKiller");
        if (memory.Swappiness is not { } swappiness || swappiness == ulong.MaxValue) return;
        if (swappiness > 100) throw new CgroupException(Resources + "memory.swappiness", $"invalid memory swappiness value: {swappiness} (valid range is 0-100)");
        Set("memory", "memory.swappiness", Text((long)swappiness), "memory.swappiness");
    }

    // memory+swap may never be below memory, so which is written first depends on the direction of the change.
    private void ApplyMemoryAndSwap(long limit, long swap, List<string> warnings)
    {
        bool hasSwap = Of("memory") is { } directory && File.Exists(directory + "/memory.memsw.limit_in_bytes");
        if (limit == -1 && swap == 0 && hasSwap) swap = -1;
        if (swap is not 0 && !hasSwap)
        {
            warnings.Add("Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.");
            swap = 0;
        }
        bool swapFirst = limit != 0 && swap != 0 && (swap == -1 || (ulong)(Long("memory", "memory.limit_in_bytes") ?? 0) < (ulong)swap);
        if (swapFirst) SetSwap(swap);
        if (limit != 0) SetMemory(limit);
        if (!swapFirst && swap != 0) SetSwap(swap);
    }

    private void SetSwap(long swap) => Set("memory", "memory.memsw.limit_in_bytes", Text(swap), "memory.swap");

    private void SetMemory(long limit)
    {
        try { Set("memory", "memory.limit_in_bytes", Text(limit), "memory.limit"); }
        catch (CgroupException error) when (error.Errno == Errno.EBUSY)
        {
            var directory = Of("memory");
            throw new CgroupException(error.Field,
                $"unable to set memory limit to {limit} (current usage: {CgroupFile.Number(directory + "/memory.usage_in_bytes")}, peak usage: {CgroupFile.Number(directory + "/memory.max_usage_in_bytes")})", error.Errno, error);
        }
    }

    private void ApplyCpuset(LinuxCpu cpu)
    {
        if (cpu.Cpus is { Length: > 0 } cpus) Set("cpuset", "cpuset.cpus", cpus, "cpu.cpus");
        if (cpu.Mems is { Length: > 0 } mems) Set("cpuset", "cpuset.mems", mems, "cpu.mems");
    }

    private void ApplyCpu(LinuxCpu cpu)
    {
        if (cpu.Shares is { } shares and > 0) SetShares(shares);
        // A smaller period or a larger burst can be out of bounds until the quota has changed too: then it is written once more, after it.
        bool quota = cpu.Quota is not (null or 0);
        bool period = cpu.Period is { } value and > 0 && !SetUnlessEarly("cpu.cfs_period_us", value, "cpu.period", quota);
        bool burst = cpu.Burst is { } most && !SetUnlessEarly("cpu.cfs_burst_us", most, "cpu.burst", quota);
        if (quota)
        {
            Set("cpu", "cpu.cfs_quota_us", Text(cpu.Quota!.Value), "cpu.quota");
            if (period) Set("cpu", "cpu.cfs_period_us", Text((long)cpu.Period!.Value), "cpu.period");
            if (burst) Set("cpu", "cpu.cfs_burst_us", Text((long)cpu.Burst!.Value), "cpu.burst");
        }
        if (cpu.Idle is { } idle) Set("cpu", "cpu.idle", Text(idle), "cpu.idle");
        ApplyRealtime(cpu);
    }

    private void ApplyRealtime(LinuxCpu cpu)
    {
        bool runtime = cpu.RealtimeRuntime is not (null or 0);
        bool period = cpu.RealtimePeriod is { } value and > 0 && !SetUnlessEarly("cpu.rt_period_us", value, "cpu.realtimePeriod", runtime);
        if (!runtime) return;
        Set("cpu", "cpu.rt_runtime_us", Text(cpu.RealtimeRuntime!.Value), "cpu.realtimeRuntime");
        if (period) Set("cpu", "cpu.rt_period_us", Text((long)cpu.RealtimePeriod!.Value), "cpu.realtimePeriod");
    }

    /// <summary>False when the kernel says EINVAL and what makes the value valid is yet to come.</summary>
    private bool SetUnlessEarly(string file, ulong value, string field, bool more)
    {
        try { Set("cpu", file, value.ToString(CultureInfo.InvariantCulture), field); }
        catch (CgroupException error) when (error.Errno == Errno.EINVAL && more) { return false; }
        catch (CgroupException error) when (error.Errno == Errno.ENOENT && file == "cpu.cfs_burst_us") { /* before 5.14: ignored as runc does */ }
        return true;
    }

    // The kernel clamps silently; the user is told.
    private void SetShares(ulong shares)
    {
        Set("cpu", "cpu.shares", shares.ToString(CultureInfo.InvariantCulture), "cpu.shares");
        ulong now = (ulong)(Long("cpu", "cpu.shares") ?? (long)shares);
        if (shares > now) throw new CgroupException(Resources + "cpu.shares", $"the maximum allowed cpu-shares is {now}", Errno.ERANGE);
        if (shares < now) throw new CgroupException(Resources + "cpu.shares", $"the minimum allowed cpu-shares is {now}", Errno.ERANGE);
    }

    private void ApplyBlockIo(LinuxBlockIo io)
    {
        // The weight belongs to the I/O scheduler: BFQ's file where CFQ's is gone (since 5.0).
        bool cfq = Of("blkio") is { } directory && File.Exists(directory + "/blkio.weight");
        string weight = cfq ? "blkio.weight" : "blkio.bfq.weight";
        if (io.Weight is { } value and > 0) Set("blkio", weight, Text(value), "blockIO.weight");
        if (io.LeafWeight is { } leaf and > 0) Set("blkio", "blkio.leaf_weight", Text(leaf), "blockIO.leafWeight");
        foreach (var device in io.WeightDevice ?? [])
        {
            if (device.Weight is { } own and > 0) Set("blkio", weight + "_device", $"{device.Major}:{device.Minor} {own}", "blockIO.weightDevice");
            if (device.LeafWeight is { } ownLeaf and > 0) Set("blkio", "blkio.leaf_weight_device", $"{device.Major}:{device.Minor} {ownLeaf}", "blockIO.weightDevice");
        }
        Throttle("blkio.throttle.read_bps_device", io.ThrottleReadBpsDevice, "blockIO.throttleReadBpsDevice");
        Throttle("blkio.throttle.write_bps_device", io.ThrottleWriteBpsDevice, "blockIO.throttleWriteBpsDevice");
        Throttle("blkio.throttle.read_iops_device", io.ThrottleReadIopsDevice, "blockIO.throttleReadIOPSDevice");
        Throttle("blkio.throttle.write_iops_device", io.ThrottleWriteIopsDevice, "blockIO.throttleWriteIOPSDevice");
    }

    private void Throttle(string file, IEnumerable<LinuxThrottleDevice>? devices, string field)
    {
        foreach (var device in devices ?? []) Set("blkio", file, $"{device.Major}:{device.Minor} {device.Rate}", field);
    }

    private void ApplyHugepages(LinuxHugepageLimit page)
    {
        var value = page.Limit.ToString(CultureInfo.InvariantCulture);
        Set("hugetlb", $"hugetlb.{page.PageSize}.limit_in_bytes", value, "hugepageLimits");
        // Reservations count since 5.7; without the file they cannot be limited.
        if (Of("hugetlb") is { } directory && File.Exists($"{directory}/hugetlb.{page.PageSize}.rsvd.limit_in_bytes"))
            Set("hugetlb", $"hugetlb.{page.PageSize}.rsvd.limit_in_bytes", value, "hugepageLimits");
    }

    private void ApplyNetwork(LinuxNetwork network)
    {
        if (network.ClassId is { } classId and > 0) Set("net_cls", "net_cls.classid", classId.ToString(CultureInfo.InvariantCulture), "network.classID");
        foreach (var priority in network.Priorities ?? []) Set("net_prio", "net_prio.ifpriomap", $"{priority.Name} {priority.Priority}", "network.priorities");
    }

    private void Set(string controller, string file, string value, string field)
    {
        if (Of(controller) is not { } directory) throw new CgroupException(Resources + field, $"cannot set {file} to {value}: the {controller} controller is not mounted", Errno.ENOENT);
        CgroupFile.Write($"{directory}/{file}", value, Resources + field);
    }

    private long? Long(string controller, string file) =>
        Of(controller) is { } directory && long.TryParse(CgroupFile.ReadLine($"{directory}/{file}"), CultureInfo.InvariantCulture, out long value) ? value : null;

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
