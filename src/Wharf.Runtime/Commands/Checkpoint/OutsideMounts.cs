using Wharf.Linux.Fds;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Init;
using Wharf.Runtime.Rootfs;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Checkpoint;

/// <summary>Mounts of a container whose content is not its own: criu is to leave it where it is, and is told on a restore where that is.</summary>
internal static class OutsideMounts
{
    /// <summary>Where they are in the container, links followed in <paramref name="root"/>, and what is mounted there.</summary>
    public static List<(string Destination, string Source)> Of(Spec spec, Fd root, CgroupLayout layout, string cgroupPath)
    {
        var mounts = new List<(string, string)>();
        foreach (var mount in spec.Mounts ?? [])
        {
            var destination = Plain(root, mount.Destination);
            if (mount.Type is "cgroup" or "cgroup2") mounts.AddRange(Cgroups(destination, layout, cgroupPath));
            else if (IsBind(mount)) mounts.Add((destination, mount.Source ?? ""));
        }
        return mounts;
    }

    private static IEnumerable<(string, string)> Cgroups(string destination, CgroupLayout layout, string cgroupPath)
    {
        if (layout.IsV2) return [(destination, layout.UnifiedMount + cgroupPath)];
        return layout.V1.Select(hierarchy => ($"{destination}/{hierarchy.Name}", hierarchy.MountPoint + cgroupPath));
    }

    private static bool IsBind(Mount mount) => MountOptions.Parse(mount.Options).Bind || mount.Type is "bind" or null or "";

    /// <summary>Makes what criu mounts on where it is missing, as the launch of a container does. What lies in another mount comes with that.</summary>
    public static void MakeTargets(Spec spec, Fd root)
    {
        var maps = IdMaps.Of(spec.Linux);
        var covered = new List<string>();
        foreach (var mount in spec.Mounts ?? [])
        {
            var destination = mount.Destination.StartsWith('/') ? mount.Destination : "/" + mount.Destination;
            if (covered.Any(over => destination.StartsWith(over + "/", StringComparison.Ordinal))) continue;
            bool bind = IsBind(mount);
            bool file = bind && File.Exists(mount.Source);
            using (file ? InRootPath.OpenOrCreateFile(root, destination, maps) : InRootPath.OpenOrCreateDirectory(root, destination, maps)) { }
            if (!bind) covered.Add(destination);
        }
    }

    private static string Plain(Fd root, string destination)
    {
        using var target = OpenAt.TryInRoot(root, destination, O.PATH, 0, Resolve.None, out _);
        if (target is null) return destination;
        string real = LinkOf(target), top = LinkOf(root);
        return top == "/" ? real : real.StartsWith(top + "/", StringComparison.Ordinal) ? real[top.Length..] : destination;
    }

    private static string LinkOf(Fd file) => new FileInfo(file.ProcPath).LinkTarget ?? "";
}
