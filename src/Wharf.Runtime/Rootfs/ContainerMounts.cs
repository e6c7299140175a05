using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;
using static Wharf.Linux.Mounts.MountFlags;

namespace Wharf.Runtime.Rootfs;

/// <summary>
/// Builds a container's tree of mounts in the launch thread's own mount namespace. What lies under /proc is only prepared here:
/// the new PID namespace's procfs can be mounted by a process inside it alone, so <see cref="ProcMounts"/> goes to the child.
/// </summary>
public sealed class ContainerMounts(Fd root, CgroupLayout layout, string? cgroupPath)
{
    /// <summary>Detached mounts to be placed under /proc by the child, with their targets.</summary>
    public List<(Fd Mount, string Destination)> ProcMounts { get; } = [];

    /// <summary>True when the configuration asks for a procfs at /proc.</summary>
    public bool WantsProc { get; private set; }
    public ulong ProcAttributes { get; private set; }

    public void Add(Mount mount)
    {
        if (mount.UidMappings is not null || mount.GidMappings is not null) throw WharfException.NotImplemented($"mount {mount.Destination}: idmapped mounts are not supported");
        if (!mount.Destination.StartsWith('/')) throw WharfException.Invalid($"mount destination {mount.Destination} is not absolute");
        var options = MountOptions.Parse(mount.Options);
        var type = options.Bind ? "bind" : mount.Type ?? "bind";
        switch (type)
        {
            case "proc":
                RequirePlain(mount.Destination);
                WantsProc = true;
                ProcAttributes = options.Set;
                break;
            case "cgroup" or "cgroup2":
                AddCgroup(mount, options);
                break;
            case "bind":
                AddBind(mount, options);
                break;
            default:
                if (type == "sysfs" || mount.Destination == "/dev") RequirePlain(mount.Destination);
                Place(CreateFileSystem(type, mount, options), mount.Destination, options, directory: true);
                break;
        }
    }

    private static Fd CreateFileSystem(string type, Mount mount, MountOptions options) => type == "overlay"
        ? OverlayMount.Create(options.Data, options.Set, ownNamespace: true)
        : MountTree.Create(type, mount.Source ?? type, options.Data, options.Set);

    private void AddBind(Mount mount, MountOptions options)
    {
        if (mount.Source is not { Length: > 0 } source) throw WharfException.Invalid($"mount {mount.Destination}: a bind needs a source");
        using var file = OpenAt.Open(source, O.PATH);
        var tree = MountTree.Clone(source, options.Recursive);
        MountTree.SetAttributes(tree, options.Set, options.Clear);
        Place(tree, mount.Destination, options, FileStat.Of(file).IsDirectory);
    }

    private void Place(Fd tree, string destination, MountOptions options, bool directory)
    {
        MountTree.SetAttributes(tree, options.RecursiveSet, options.RecursiveClear, recursive: true);
        // Nothing mounted in a container reaches the host, and nothing the host mounts later appears, unless asked for.
        MountTree.SetAttributes(tree, 0, 0, options.Propagation ?? MS_PRIVATE, options.PropagationRecursive || options.Propagation is null);
        if (destination == "/proc" || destination.StartsWith("/proc/", StringComparison.Ordinal))
        {
            ProcMounts.Add((tree, destination));
            return;
        }
        using (tree)
        using (var target = directory ? InRootPath.OpenOrCreateDirectory(root, destination) : InRootPath.OpenOrCreateFile(root, destination))
            MountTree.Attach(tree, target, destination);
    }

    // An image whose /dev, /proc or /sys is a symbolic link would have the kernel's files appear elsewhere (CVE-2026-41579, CVE-2019-16884).
    private void RequirePlain(string destination)
    {
        using var target = InRootPath.OpenOrCreateDirectory(root, destination);
        using var plain = OpenAt.TryInRoot(root, destination, O.PATH | O.DIRECTORY, 0, Resolve.NoSymlinks, out int errno)
            ?? throw WharfException.Invalid($"the image's {destination} is a symbolic link: refused", new SyscallException("openat2", errno, destination));
    }

    private void AddCgroup(Mount mount, MountOptions options)
    {
        if (layout.IsV2)
        {
            var source = cgroupPath is null ? layout.UnifiedMount! : layout.UnifiedMount + cgroupPath;
            var tree = MountTree.Clone(source, recursive: false);
            MountTree.SetAttributes(tree, options.Set | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0);
            Place(tree, mount.Destination, options, directory: true);
            return;
        }
        var shell = MountTree.Create("tmpfs", "tmpfs", ["mode=755"], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        using (var target = InRootPath.OpenOrCreateDirectory(root, mount.Destination)) MountTree.Attach(shell, target, mount.Destination);
        foreach (var hierarchy in layout.V1)
        {
            using var tree = MountTree.Clone(hierarchy.MountPoint + cgroupPath, recursive: false);
            MountTree.SetAttributes(tree, options.Set | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, MS_PRIVATE);
            using var directory = InRootPath.OpenOrCreateDirectory(root, $"{mount.Destination}/{hierarchy.Name}");
            MountTree.Attach(tree, directory, hierarchy.Name);
        }
        MountTree.SetAttributes(shell, options.Set, 0);
        shell.Dispose();
    }
}
