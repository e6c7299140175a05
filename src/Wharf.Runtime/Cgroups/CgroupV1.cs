using System.Globalization;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>Control groups of version 1: one directory in each hierarchy (Documentation/admin-guide/cgroup-v1).</summary>
internal sealed class CgroupV1(CgroupLayout layout, string path) : Cgroup(path)
{
    private const int SIGKILL = 9;

    public override IEnumerable<string> Directories => layout.V1.Select(hierarchy => hierarchy.MountPoint + Path);

    // Writing "0" to tasks moves one single thread without the process-wide lock whose RCU wait costs up to 16 ms.
    public override IEnumerable<string> JoinFiles => Directories.Select(directory => directory + "/tasks");

    protected override string ProcessesFile => (layout.V1.FirstOrDefault(hierarchy => hierarchy.Controllers.Contains("pids")) ?? layout.V1[0]).MountPoint + Path + "/cgroup.procs";

    private string? Of(string controller) => layout.MountOf(controller) is { } mount ? mount + Path : null;

    protected override void Make()
    {
        foreach (var hierarchy in layout.V1)
        {
            bool cpuset = hierarchy.Controllers.Contains("cpuset");
            var directory = hierarchy.MountPoint;
            foreach (var part in Path.Split('/', StringSplitOptions.RemoveEmptyEntries))
            {
                var parent = directory;
                directory = $"{directory}/{part}";
                MakeDirectory(directory);
                if (cpuset) InheritCpuset(parent, directory);
            }
        }
    }

    // A new cpuset has no CPUs and no memory nodes, and no task may join it until it has (cpusets.txt, 1.3).
    private static void InheritCpuset(string parent, string directory)
    {
        foreach (var file in (ReadOnlySpan<string>)["/cpuset.cpus", "/cpuset.mems"])
        {
            if (File.ReadAllText(directory + file).Trim().Length > 0) continue;
            WriteFile(directory + file, File.ReadAllText(parent + file).Trim());
        }
    }

    protected override void Apply(LinuxResources resources, List<string> warnings, bool creating)
    {
        if (creating) DeviceRulesV1.Apply(Of("devices"), resources.Devices);
        if (resources.Memory is { } memory) ApplyMemory(memory, warnings);
        if (resources.Cpu is { } cpu) ApplyCpu(cpu, warnings);
        if (resources.Pids?.Limit is { } pids) Set("pids", "pids.max", pids > 0 ? pids.ToString(CultureInfo.InvariantCulture) : "max", warnings);
        if (resources.BlockIo is { } io) ApplyBlockIo(io, warnings);
        foreach (var page in resources.HugepageLimits ?? []) Set("hugetlb", $"hugetlb.{page.PageSize}.limit_in_bytes", page.Limit.ToString(CultureInfo.InvariantCulture), warnings);
    }

    private void ApplyMemory(LinuxMemory memory, List<string> warnings)
    {
        if (memory.Limit is { } limit) ApplyMemoryLimit(limit, memory.Swap, warnings);
        if (memory.Reservation is { } reservation) Set("memory", "memory.soft_limit_in_bytes", reservation, warnings);
        if (memory.Swappiness is { } swappiness and <= 100) Set("memory", "memory.swappiness", (long)swappiness, warnings);
        if (memory.DisableOomKiller == true) Set("memory", "memory.oom_control", 1, warnings);
        if (memory.KernelTcp is { } tcp) Set("memory", "memory.kmem.tcp.limit_in_bytes", tcp, warnings);
    }

    // memory+swap may never be below memory, so which is written first depends on the direction of the change.
    private void ApplyMemoryLimit(long limit, long? swap, List<string> warnings)
    {
        var directory = Of("memory");
        bool hasSwap = directory is not null && File.Exists(directory + "/memory.memsw.limit_in_bytes");
        if (swap is not (null or 0) && !hasSwap)
        {
            warnings.Add("Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.");
            swap = null;
        }
        if (swap is null or 0)
        {
            Set("memory", "memory.limit_in_bytes", limit, warnings);
            return;
        }
        long current = long.Parse(File.ReadAllText(directory + "/memory.memsw.limit_in_bytes"), CultureInfo.InvariantCulture);
        bool swapFirst = swap < 0 || swap > current;
        if (swapFirst) Set("memory", "memory.memsw.limit_in_bytes", swap.Value, warnings);
        Set("memory", "memory.limit_in_bytes", limit, warnings);
        if (!swapFirst) Set("memory", "memory.memsw.limit_in_bytes", swap.Value, warnings);
    }

    private void ApplyCpu(LinuxCpu cpu, List<string> warnings)
    {
        if (cpu.Shares is { } shares and > 0) Set("cpu", "cpu.shares", (long)shares, warnings);
        if (cpu.Period is { } period and > 0) Set("cpu", "cpu.cfs_period_us", (long)period, warnings);
        if (cpu.Quota is { } quota and not 0) Set("cpu", "cpu.cfs_quota_us", quota, warnings);
        if (cpu.RealtimePeriod is { } realtimePeriod and > 0) Set("cpu", "cpu.rt_period_us", (long)realtimePeriod, warnings);
        if (cpu.RealtimeRuntime is { } runtime and not 0) Set("cpu", "cpu.rt_runtime_us", runtime, warnings);
        if (cpu.Cpus is { Length: > 0 } cpus) Set("cpuset", "cpuset.cpus", cpus, warnings);
        if (cpu.Mems is { Length: > 0 } mems) Set("cpuset", "cpuset.mems", mems, warnings);
    }

    private void ApplyBlockIo(LinuxBlockIo io, List<string> warnings)
    {
        if (io.Weight is { } weight and > 0) Set("blkio", BlkioFile("weight"), weight, warnings);
        foreach (var device in io.WeightDevice ?? []) Set("blkio", BlkioFile("weight_device"), $"{device.Major}:{device.Minor} {device.Weight}", warnings);
        Throttle("blkio.throttle.read_bps_device", io.ThrottleReadBpsDevice, warnings);
        Throttle("blkio.throttle.write_bps_device", io.ThrottleWriteBpsDevice, warnings);
        Throttle("blkio.throttle.read_iops_device", io.ThrottleReadIopsDevice, warnings);
        Throttle("blkio.throttle.write_iops_device", io.ThrottleWriteIopsDevice, warnings);
    }

    // The weight belongs to the I/O scheduler: BFQ's file where CFQ's is gone (since 5.0).
    private string BlkioFile(string what) => Of("blkio") is { } directory && File.Exists($"{directory}/blkio.{what}") ? $"blkio.{what}" : $"blkio.bfq.{what}";

    private void Throttle(string file, IEnumerable<LinuxThrottleDevice>? devices, List<string> warnings)
    {
        foreach (var device in devices ?? []) Set("blkio", file, $"{device.Major}:{device.Minor} {device.Rate}", warnings);
    }

    private void Set(string controller, string file, long value, List<string> warnings) => Set(controller, file, value.ToString(CultureInfo.InvariantCulture), warnings);

    private void Set(string controller, string file, string value, List<string> warnings)
    {
        if (Of(controller) is not { } directory || !File.Exists($"{directory}/{file}"))
        {
            warnings.Add($"this kernel has no {file}: {value} is not applied");
            return;
        }
        WriteFile($"{directory}/{file}", value);
    }

    public override void Freeze() => SetFreezer("FROZEN");
    public override void Thaw() => SetFreezer("THAWED");

    private void SetFreezer(string state)
    {
        if (Of("freezer") is not { } directory) throw new SyscallException("freezer", Errno.ENODEV, Path);
        WriteFile(directory + "/freezer.state", state);
    }

    public override bool OomKilled()
    {
        if (Of("memory") is not { } directory) return false;
        try
        {
            return File.ReadLines(directory + "/memory.oom_control").Any(line => line.StartsWith("oom_kill ", StringComparison.Ordinal) && line != "oom_kill 0");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException) { return false; }
    }

    public override void KillAll()
    {
        // Version 1 cannot kill a group in one step: freeze, so that nothing forks, signal all, thaw so that the signals are taken.
        bool frozen = Of("freezer") is not null && Directory.Exists(Of("freezer"));
        if (frozen) Freeze();
        foreach (var pid in Pids()) _ = Libc.kill(pid, SIGKILL); // ESRCH: it ended by itself
        if (frozen) Thaw();
    }
}
