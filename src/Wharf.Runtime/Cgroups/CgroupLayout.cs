using Wharf.Linux.Fds;

namespace Wharf.Runtime.Cgroups;

/// <summary>One cgroup v1 hierarchy. <see cref="Name"/> is what its directory is called: <c>memory</c>, <c>cpu,cpuacct</c>, <c>systemd</c>.</summary>
public sealed record CgroupHierarchy(string Name, string MountPoint, IReadOnlySet<string> Controllers);

/// <summary>
/// How cgroups are mounted on this machine: v2 alone, v1 hierarchies, or v1 hierarchies with an empty v2 beside them ("hybrid").
/// </summary>
public sealed record CgroupLayout(bool IsV2, string? UnifiedMount, IReadOnlyList<CgroupHierarchy> V1)
{
    /// <summary>Groups are systemd's scopes, asked for over D-Bus, and not directories of our own (runc's <c>--systemd-cgroup</c>).</summary>
    public bool UseSystemd { get; init; }

    /// <summary>True when systemd is this machine's init (sd_booted(3)).</summary>
    public bool SystemdRuns { get; init; }

    /// <summary>
    /// In hybrid mode systemd keeps its own books in the v2 hierarchy: a container that stayed in the daemon's unit there would be
    /// killed with it. Without systemd nobody looks, and joining a v2 group costs milliseconds (RCU), so it is left out.
    /// </summary>
    public bool JoinsUnified => !IsV2 && UnifiedMount is not null && SystemdRuns;

    public string? MountOf(string controller) => V1.FirstOrDefault(hierarchy => hierarchy.Controllers.Contains(controller))?.MountPoint;

    public static CgroupLayout Detect() => Parse(KernelFile.ReadLines("/proc/self/mountinfo")) with { SystemdRuns = Directory.Exists("/run/systemd/system") };

    /// <summary>Reads mountinfo (proc_pid_mountinfo(5)).</summary>
    public static CgroupLayout Parse(IEnumerable<string> mountinfo)
    {
        var v1 = new Dictionary<string, CgroupHierarchy>(StringComparer.Ordinal);
        string? unified = null;
        foreach (var line in mountinfo)
        {
            int dash = line.IndexOf(" - ", StringComparison.Ordinal);
            if (dash < 0 || !line.AsSpan(dash + 3).StartsWith("cgroup")) continue;
            var after = line[(dash + 3)..].Split(' ');
            var mountPoint = line.Split(' ')[4];
            if (after[0] == "cgroup2") unified ??= mountPoint;
            if (after[0] != "cgroup") continue;
            var words = after[^1].Split(',').Where(word => word is not ("rw" or "ro" or "xattr" or "clone_children" or "noprefix" or "seclabel") && !word.StartsWith("release_agent=", StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal);
            v1.TryAdd(string.Join(',', words.Order()), new CgroupHierarchy(Path.GetFileName(mountPoint), mountPoint, words));
        }
        // Controllers sit where /sys/fs/cgroup itself is the v2 tree; some named v1 hierarchy beside it changes nothing.
        bool v2 = unified is not null && (v1.Count == 0 || v1.Values.All(hierarchy => hierarchy.Controllers.All(word => word.StartsWith("name=", StringComparison.Ordinal))));
        return new CgroupLayout(v2, unified, v2 ? [] : [.. v1.Values]);
    }
}
