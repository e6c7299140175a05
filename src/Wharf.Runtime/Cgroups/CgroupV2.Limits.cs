using System.Globalization;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>The limits of version 2, in the order and with the conversions of runc.</summary>
internal sealed partial class CgroupV2
{
    private const string Resources = "linux.resources.";
    private const ulong DefaultPeriod = 100_000;

    private protected override void Apply(LinuxResources resources, List<string> warnings, bool creating)
    {
        if (creating) CheckDomain(resources);
        if (resources.Pids?.Limit is { } pids and not 0) Set("pids.max", ResourceText.Limit(pids), "pids.limit");
        if (resources.Memory is { } memory) ApplyMemory(memory, warnings);
        if (resources.BlockIo is { } io) ApplyBlockIo(io, warnings);
        if (resources.Cpu is { } cpu) ApplyCpu(cpu, warnings);
        if (creating && resources.Devices is not null) DeviceFilterV2.Attach(Own, resources.Devices);
        if (resources.Cpu?.Cpus is { Length: > 0 } cpus) Set("cpuset.cpus", cpus, "cpu.cpus");
        if (resources.Cpu?.Mems is { Length: > 0 } mems) Set("cpuset.mems", mems, "cpu.mems");
        foreach (var page in resources.HugepageLimits ?? []) ApplyHugepages(page);
        foreach (var (device, limit) in resources.Rdma ?? []) Set("rdma.max", ResourceText.Rdma(device, limit), "rdma");
        if (resources.Network is { ClassId: > 0 } or { Priorities.Count: > 0 }) warnings.Add("network classes and priorities do not exist on cgroup v2 and are ignored");
        foreach (var (file, value) in resources.Unified ?? []) ApplyUnified(file, value);
    }

    private protected override CurrentLimits Current
    {
        get
        {
            long? memory = Long("memory.max"), swap = Long("memory.swap.max");
            var cpu = (CgroupFile.ReadLine(Own + "/cpu.max") ?? "").Split(' ');
            return new CurrentLimits(memory, memory is { } limit && swap is { } alone ? limit + alone : null,
                long.TryParse(cpu[0], CultureInfo.InvariantCulture, out long quota) ? quota : null, cpu.Length == 2 ? ulong.Parse(cpu[1], CultureInfo.InvariantCulture) : null);
        }
    }

    // Below a group with processes of its own a child can only be threaded, and has no memory or I/O limits ("no internal processes").
    private void CheckDomain(LinuxResources resources)
    {
        if (CgroupFile.ReadLine(Own + "/cgroup.type") is not { } type || type == "domain") return;
        bool wantsDomain = resources.Memory is not null || resources.BlockIo is not null || resources.Cpu is not null || resources.HugepageLimits is { Count: > 0 };
        if (wantsDomain)
            throw new CgroupException("linux.cgroupsPath", $"cannot enter cgroupv2 \"{Own}\" with domain controllers -- it is in {(type == "domain invalid" ? "an invalid state" : $"{type} mode")}");
        if (type == "domain invalid") CgroupFile.Write(Own + "/cgroup.type", "threaded", "linux.cgroupsPath");
    }

    private void ApplyMemory(LinuxMemory memory, List<string> warnings)
    {
        if (memory.Kernel is not null || memory.KernelTcp is not null) warnings.Add("kernel memory limits are obsolete and are ignored");
        if (memory.CheckBeforeUpdate == true) CheckUsage(memory);
        if (SwapOf(memory, Current) is { } swap)
        {
            int errno = CgroupFile.TryWrite(Own + "/memory.swap.max", ResourceText.Limit(swap));
            // Without swap accounting there is no file; no limit, and no swap, are what the machine then gives anyhow.
            if (errno != 0 && !(errno == Errno.ENOENT && swap is 0 or -1)) throw CgroupFile.Refused(Own + "/memory.swap.max", ResourceText.Limit(swap), Resources + "memory.swap", errno);
        }
        if (memory.Limit is { } limit and not 0) Set("memory.max", ResourceText.Limit(limit), "memory.limit");
        if (memory.Reservation is { } reservation and not 0) Set("memory.low", ResourceText.Limit(reservation), "memory.reservation");
        if (memory.Swappiness is not null && memory.Swappiness != ulong.MaxValue) warnings.Add("memory swappiness does not exist on cgroup v2 and is ignored");
        if (memory.DisableOomKiller == true) warnings.Add("disabling the OOM killer does not exist on cgroup v2 and is ignored");
    }

    /// <summary>
    /// What memory.swap.max becomes; null: it stays. When only one of memory and memory+swap is given, the other is the one in force, so that the
    /// sum the user once set keeps its meaning.
    /// </summary>
    public static long? SwapOf(LinuxMemory memory, CurrentLimits current)
    {
        long limit = memory.Limit ?? 0, swap = memory.Swap ?? 0;
        if (limit > 0 && swap == 0 && current is { Memory: not null, MemoryAndSwap: { } sum } && sum >= limit) swap = sum;
        if (limit == 0 && swap > 0) limit = current.Memory ?? 0;
        return ResourceText.SwapAlone(swap, limit);
    }

    // A limit below the use would end processes of the container; the caller asked to be refused instead.
    private void CheckUsage(LinuxMemory memory)
    {
        if (CgroupFile.Number(Own + "/memory.current") is not { } usage) return;
        if (memory.Swap is { } swap and > 0 && (ulong)swap <= usage) throw new CgroupException(Resources + "memory.swap", $"rejecting memory+swap limit {swap} <= usage {usage}");
        if (memory.Limit is { } limit and > 0 && (ulong)limit <= usage) throw new CgroupException(Resources + "memory.limit", $"rejecting memory limit {limit} <= usage {usage}");
    }

    private void ApplyCpu(LinuxCpu cpu, List<string> warnings)
    {
        if (cpu.Idle is { } idle) Set("cpu.idle", idle.ToString(CultureInfo.InvariantCulture), "cpu.idle");
        // An idle group has no weight: the kernel refuses one.
        if (cpu.Shares is { } shares and > 0 && cpu.Idle is not 1) Set("cpu.weight", ResourceText.WeightOfShares(shares).ToString(CultureInfo.InvariantCulture), "cpu.shares");
        bool quota = cpu.Quota is not (null or 0), period = cpu.Period is not (null or 0);
        bool burstLeft = cpu.Burst is { } burst && !SetBurst(burst, quota);
        if (quota || period)
        {
            var current = Current;
            long limit = quota ? cpu.Quota!.Value : current.Quota ?? -1;
            Set("cpu.max", $"{ResourceText.Limit(limit)} {(period ? cpu.Period!.Value : current.Period ?? DefaultPeriod)}", quota ? "cpu.quota" : "cpu.period");
            if (burstLeft) Set("cpu.max.burst", cpu.Burst!.Value.ToString(CultureInfo.InvariantCulture), "cpu.burst");
        }
        if (cpu.RealtimePeriod is not (null or 0) || cpu.RealtimeRuntime is not (null or 0)) warnings.Add("realtime scheduling limits do not exist on cgroup v2 and are ignored");
    }

    /// <summary>False when the burst can only be set once the quota is.</summary>
    private bool SetBurst(ulong burst, bool quotaFollows)
    {
        var value = burst.ToString(CultureInfo.InvariantCulture);
        int errno = CgroupFile.TryWrite(Own + "/cpu.max.burst", value);
        if (errno is 0 or Errno.ENOENT) return true; // before 5.14 there is none: ignored as runc does
        return errno == Errno.EINVAL && quotaFollows ? false : throw CgroupFile.Refused(Own + "/cpu.max.burst", value, Resources + "cpu.burst", errno);
    }

    private void ApplyBlockIo(LinuxBlockIo io, List<string> warnings)
    {
        bool bfq = File.Exists(Own + "/io.bfq.weight");
        if (io.Weight is { } weight and > 0)
        {
            if (bfq) Set("io.bfq.weight", weight.ToString(CultureInfo.InvariantCulture), "blockIO.weight");
            else Set("io.weight", ResourceText.IoWeightOf(weight).ToString(CultureInfo.InvariantCulture), "blockIO.weight");
        }
        foreach (var device in io.WeightDevice ?? [])
        {
            if (device.Weight is not { } own || own == 0) continue;
            if (bfq) Set("io.bfq.weight", $"{device.Major}:{device.Minor} {own}", "blockIO.weightDevice");
            else warnings.Add($"blockIO.weightDevice {device.Major}:{device.Minor}: the BFQ scheduler, which it needs, is not there: ignored");
        }
        Throttle("rbps", io.ThrottleReadBpsDevice, "blockIO.throttleReadBpsDevice");
        Throttle("wbps", io.ThrottleWriteBpsDevice, "blockIO.throttleWriteBpsDevice");
        Throttle("riops", io.ThrottleReadIopsDevice, "blockIO.throttleReadIOPSDevice");
        Throttle("wiops", io.ThrottleWriteIopsDevice, "blockIO.throttleWriteIOPSDevice");
    }

    // Rate 0 lifts the limit, as it does on v1.
    private void Throttle(string key, IEnumerable<LinuxThrottleDevice>? devices, string field)
    {
        foreach (var device in devices ?? []) Set("io.max", $"{device.Major}:{device.Minor} {key}={(device.Rate == 0 ? "max" : device.Rate.ToString(CultureInfo.InvariantCulture))}", field);
    }

    private void ApplyHugepages(LinuxHugepageLimit page)
    {
        var value = page.Limit.ToString(CultureInfo.InvariantCulture);
        Set($"hugetlb.{page.PageSize}.max", value, "hugepageLimits");
        if (File.Exists($"{Own}/hugetlb.{page.PageSize}.rsvd.max")) Set($"hugetlb.{page.PageSize}.rsvd.max", value, "hugepageLimits");
    }

    /// <summary>A file of the group by its own name, line by line.</summary>
    private void ApplyUnified(string file, string value)
    {
        const string Field = Resources + "unified";
        if (file.Contains('/')) throw new CgroupException(Field, $"unified resource \"{file}\" must be a file name (no slashes)");
        if (file.IndexOf('.') <= 0) throw new CgroupException(Field, $"unified resource \"{file}\" must be in the form CONTROLLER.PARAMETER");
        foreach (var line in value.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int errno = CgroupFile.TryWrite($"{Own}/{file}", line);
            if (errno == 0) continue;
            var controller = file[..file.IndexOf('.')];
            if (errno is Errno.ENOENT or Errno.EPERM or Errno.EACCES && controller != "cgroup" && !Words(Own + "/cgroup.controllers").Contains(controller))
                throw new CgroupException(Field, $"unified resource \"{file}\" can't be set: controller \"{controller}\" not available", errno);
            throw new CgroupException(Field, $"unable to set unified resource \"{file}\": write {Own}/{file}: {CgroupFile.Text(errno)}", errno);
        }
    }

    private void Set(string file, string value, string field) => CgroupFile.Write($"{Own}/{file}", value, Resources + field);

    private long? Long(string file) => long.TryParse(CgroupFile.ReadLine($"{Own}/{file}"), CultureInfo.InvariantCulture, out long value) ? value : null;
}
