using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Cgroups;

/// <summary>The limits' files as a container sees its own group, on cgroup v1 and v2.</summary>
internal static class CgroupFiles
{
    public static bool V2 { get; } = File.Exists("/sys/fs/cgroup/cgroup.controllers");
    public static bool Swap { get; } = V2 ? File.Exists("/sys/fs/cgroup/init.scope/memory.swap.max") || Directory.GetDirectories("/sys/fs/cgroup").Any(group => File.Exists(group + "/memory.swap.max"))
        : File.Exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes");

    public static string Memory => V2 ? "memory.max" : "memory/memory.limit_in_bytes";
    public static string MemoryAndSwap => V2 ? "memory.swap.max" : "memory/memory.memsw.limit_in_bytes";
    public static string Reservation => V2 ? "memory.low" : "memory/memory.soft_limit_in_bytes";
    public static string Shares => V2 ? "cpu.weight" : "cpu/cpu.shares";
    public static string Quota => V2 ? "cpu.max" : "cpu/cpu.cfs_quota_us";
    public static string Pids => V2 ? "pids.max" : "pids/pids.max";
    public static string Cpus => V2 ? "cpuset.cpus" : "cpuset/cpuset.cpus";
    public static string Throttle => V2 ? "io.max" : "blkio/blkio.throttle.write_bps_device";

    /// <summary>A file of a group as the host has it.</summary>
    public static string OnHost(string group, string file) => V2 ? $"/sys/fs/cgroup{group}/{file}" : $"/sys/fs/cgroup/{file[..file.IndexOf('/')]}{group}/{file[(file.IndexOf('/') + 1)..]}";

    /// <summary>The directory of its own group as a container sees it.</summary>
    public static string Inside(string controller) => V2 ? "/sys/fs/cgroup" : $"/sys/fs/cgroup/{controller}";

    /// <summary>Reads files of the group inside a running container.</summary>
    public static async Task<string[]> ReadAsync(EngineFixture engine, string container, params string[] files)
    {
        var result = await engine.DockerAsync(["exec", container, "sh", "-c", "cd /sys/fs/cgroup && for f in \"$@\"; do cat $f | tr '\\n' ' '; echo; done", "sh", .. files]);
        return [.. result.ShouldExit(0).Text.Split('\n').Select(line => line.Trim())];
    }
}
