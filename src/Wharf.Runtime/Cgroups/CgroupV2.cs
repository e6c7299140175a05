using System.Globalization;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>Control groups of version 2 (Documentation/admin-guide/cgroup-v2.rst).</summary>
internal sealed class CgroupV2(CgroupLayout layout, string path) : Cgroup(path)
{
    private string Own => layout.UnifiedMount + Path;

    public override IEnumerable<string> Directories => [Own];
    public override IEnumerable<string> JoinFiles => [Own + "/cgroup.procs"];
    protected override string ProcessesFile => Own + "/cgroup.procs";

    protected override void Make()
    {
        var directory = layout.UnifiedMount!;
        foreach (var part in Path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            EnableControllers(directory);
            directory = $"{directory}/{part}";
            MakeDirectory(directory);
        }
    }

    private static void EnableControllers(string directory)
    {
        var enabled = File.ReadAllText(directory + "/cgroup.subtree_control").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        foreach (var controller in File.ReadAllText(directory + "/cgroup.controllers").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (!enabled.Contains(controller)) WriteFile(directory + "/cgroup.subtree_control", "+" + controller);
        }
    }

    protected override void Apply(LinuxResources resources, List<string> warnings, bool creating)
    {
        if (creating && resources.Devices is not null) DeviceFilterV2.Attach(Own, resources.Devices);
        if (resources.Memory is { } memory)
        {
            // Version 2 counts swap alone, OCI counts memory and swap together.
            if (memory.Limit is { } limit) Set("memory.max", Limit(limit), warnings);
            if (memory.Swap is { } swap && memory.Limit is { } memoryLimit) Set("memory.swap.max", swap < 0 ? "max" : Limit(Math.Max(0, swap - memoryLimit), zeroIsMax: false), warnings);
            if (memory.Reservation is { } reservation) Set("memory.low", Limit(reservation), warnings);
        }
        if (resources.Cpu is { } cpu) ApplyCpu(cpu, warnings);
        if (resources.Pids?.Limit is { } pids) Set("pids.max", Limit(pids), warnings);
        if (resources.BlockIo is { } io) ApplyBlockIo(io, warnings);
        foreach (var page in resources.HugepageLimits ?? []) Set($"hugetlb.{page.PageSize}.max", page.Limit.ToString(CultureInfo.InvariantCulture), warnings);
        foreach (var (file, value) in resources.Unified ?? []) Set(file, value, warnings);
    }

    private void ApplyCpu(LinuxCpu cpu, List<string> warnings)
    {
        if (cpu.Shares is { } shares and > 0) Set("cpu.weight", WeightOf(shares).ToString(CultureInfo.InvariantCulture), warnings);
        if (cpu.Quota is not null || cpu.Period is not null)
            Set("cpu.max", $"{(cpu.Quota is > 0 ? cpu.Quota.Value.ToString(CultureInfo.InvariantCulture) : "max")} {cpu.Period ?? 100_000}", warnings);
        if (cpu.Cpus is { Length: > 0 } cpus) Set("cpuset.cpus", cpus, warnings);
        if (cpu.Mems is { Length: > 0 } mems) Set("cpuset.mems", mems, warnings);
    }

    /// <summary>Maps v1's shares (2 to 262144, 1024 the norm) to v2's weight (1 to 10000) the way the other runtimes do.</summary>
    public static ulong WeightOf(ulong shares) => 1 + (Math.Clamp(shares, 2, 262144) - 2) * 9999 / 262142;

    private void ApplyBlockIo(LinuxBlockIo io, List<string> warnings)
    {
        if (io.Weight is { } weight and > 0)
        {
            if (File.Exists(Own + "/io.bfq.weight")) Set("io.bfq.weight", weight.ToString(CultureInfo.InvariantCulture), warnings);
            else Set("io.weight", (1 + (Math.Clamp((int)weight, 10, 1000) - 10) * 9999 / 990).ToString(CultureInfo.InvariantCulture), warnings);
        }
        Throttle("rbps", io.ThrottleReadBpsDevice, warnings);
        Throttle("wbps", io.ThrottleWriteBpsDevice, warnings);
        Throttle("riops", io.ThrottleReadIopsDevice, warnings);
        Throttle("wiops", io.ThrottleWriteIopsDevice, warnings);
    }

    private void Throttle(string key, IEnumerable<LinuxThrottleDevice>? devices, List<string> warnings)
    {
        foreach (var device in devices ?? []) Set("io.max", $"{device.Major}:{device.Minor} {key}={device.Rate}", warnings);
    }

    private static string Limit(long value, bool zeroIsMax = true) => value < 0 || (value == 0 && zeroIsMax) ? "max" : value.ToString(CultureInfo.InvariantCulture);

    private void Set(string file, string value, List<string> warnings)
    {
        if (file.Contains('/') || !File.Exists($"{Own}/{file}")) warnings.Add($"this kernel has no {file}: {value} is not applied");
        else WriteFile($"{Own}/{file}", value);
    }

    public override void Freeze() => WriteFile(Own + "/cgroup.freeze", "1");
    public override void Thaw() => WriteFile(Own + "/cgroup.freeze", "0");

    public override bool OomKilled()
    {
        try
        {
            return File.ReadLines(Own + "/memory.events").Any(line => line.StartsWith("oom_kill ", StringComparison.Ordinal) && line != "oom_kill 0");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException) { return false; }
    }

    public override void KillAll()
    {
        if (!Directory.Exists(Own)) return;
        if (File.Exists(Own + "/cgroup.kill"))
        {
            WriteFile(Own + "/cgroup.kill", "1");
            return;
        }
        // cgroup.kill came with 5.14.
        Freeze();
        foreach (var pid in Pids()) _ = Libc.kill(pid, 9);
        Thaw();
    }
}
