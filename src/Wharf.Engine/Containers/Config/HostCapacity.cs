using System.Globalization;

namespace Wharf.Engine.Containers.Config;

/// <summary>What this machine can give and its kernel can limit; read once.</summary>
internal sealed record HostCapacity
{
    public required int Cpus { get; init; }
    /// <summary>Usable processors and memory nodes in the kernel's list format.</summary>
    public required string CpuList { get; init; }
    public required string MemoryNodes { get; init; }
    public required bool CgroupV2 { get; init; }
    public bool Swap { get; init; } = true;
    public bool BlockWeight { get; init; } = true;
    public bool BlockWeightDevice { get; init; } = true;
    public bool CpuRealtime { get; init; }
    public bool OomKillDisable { get; init; } = true;
    public bool Memory { get; init; } = true;
    public bool Pids { get; init; } = true;
    public bool CpuShares { get; init; } = true;
    public bool CpuQuota { get; init; } = true;
    public bool Cpuset { get; init; } = true;
    /// <summary>Containers are systemd's scopes (<c>native.cgroupdriver=systemd</c>).</summary>
    public bool SystemdCgroup { get; init; }

    public static HostCapacity Read()
    {
        bool v2 = File.Exists("/sys/fs/cgroup/cgroup.controllers");
        if (!CgroupRoot.MayMake) return Nothing(v2);
        var controllers = v2 ? ReadText("/sys/fs/cgroup/cgroup.controllers")?.Split(' ') ?? [] : [];
        bool Has(string v1, string controller) => v2 ? controllers.Contains(controller) : Path.Exists("/sys/fs/cgroup/" + v1);
        return new HostCapacity
        {
            Cpus = Environment.ProcessorCount,
            CpuList = ReadText("/sys/fs/cgroup/cpuset/cpuset.cpus") ?? ReadText("/sys/fs/cgroup/cpuset.cpus.effective") ?? $"0-{(Environment.ProcessorCount - 1).ToString(CultureInfo.InvariantCulture)}",
            MemoryNodes = ReadText("/sys/fs/cgroup/cpuset/cpuset.mems") ?? ReadText("/sys/fs/cgroup/cpuset.mems.effective") ?? "0",
            CgroupV2 = v2,
            Swap = v2 || File.Exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
            BlockWeight = v2 || File.Exists("/sys/fs/cgroup/blkio/blkio.weight") || File.Exists("/sys/fs/cgroup/blkio/blkio.bfq.weight"),
            BlockWeightDevice = v2 || File.Exists("/sys/fs/cgroup/blkio/blkio.weight_device"),
            CpuRealtime = !v2 && File.Exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"),
            OomKillDisable = !v2,
            Memory = Has("memory/memory.limit_in_bytes", "memory"),
            Pids = Has("pids", "pids"),
            CpuShares = Has("cpu/cpu.shares", "cpu"),
            CpuQuota = Has("cpu/cpu.cfs_quota_us", "cpu"),
            Cpuset = Has("cpuset", "cpuset"),
        };
    }

    // Containers without cgroups: no limit can be set.
    private static HostCapacity Nothing(bool v2) => new()
    {
        Cpus = Environment.ProcessorCount, CpuList = "", MemoryNodes = "", CgroupV2 = v2, Swap = false, BlockWeight = false, BlockWeightDevice = false, OomKillDisable = false,
        Memory = false, Pids = false, CpuShares = false, CpuQuota = false, Cpuset = false,
    };

    private static string? ReadText(string path) => File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } text ? text : null;
}
