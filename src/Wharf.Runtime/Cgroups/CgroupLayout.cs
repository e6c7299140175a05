namespace Wharf.Runtime.Cgroups;

/// <summary>One cgroup v1 hierarchy. <see cref="Name"/> is what its directory is called: <c>memory</c>, <c>cpu,cpuacct</c>, <c>systemd</c>.</summary>
public sealed record CgroupHierarchy(string Name, string MountPoint, IReadOnlySet<string> Controllers);

/// <summary>How cgroups are mounted on this machine: v2 alone, or v1 hierarchies (an empty v2 beside them, "hybrid", is left alone).</summary>
public sealed record CgroupLayout(bool IsV2, string? UnifiedMount, IReadOnlyList<CgroupHierarchy> V1)
{
    public string? MountOf(string controller) => V1.FirstOrDefault(hierarchy => hierarchy.Controllers.Contains(controller))?.MountPoint;

    public static CgroupLayout Detect() => Parse(File.ReadLines("/proc/self/mountinfo"));

    /// <summary>Reads mountinfo (proc_pid_mountinfo(5)).</summary>
    public static CgroupLayout Parse(IEnumerable<string> mountinfo)
    {
        var v1 = new Dictionary<string, CgroupHierarchy>(StringComparer.Ordinal);
        string? unified = null;
        foreach (var line in mountinfo)
        {
            int dash = line.IndexOf(" - ", StringComparison.Ordinal);
            if (dash < 0) continue;
            var after = line[(dash + 3)..].Split(' ');
            var mountPoint = line.Split(' ')[4];
            if (after[0] == "cgroup2") unified ??= mountPoint;
            if (after[0] != "cgroup") continue;
            var words = after[^1].Split(',').Where(word => word is not ("rw" or "ro" or "xattr" or "clone_children" or "noprefix") && !word.StartsWith("release_agent=", StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal);
            v1.TryAdd(string.Join(',', words.Order()), new CgroupHierarchy(Path.GetFileName(mountPoint), mountPoint, words));
        }
        return new CgroupLayout(v1.Count == 0 && unified is not null, unified, [.. v1.Values]);
    }
}
