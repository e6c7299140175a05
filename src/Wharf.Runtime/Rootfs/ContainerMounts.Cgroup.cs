using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;
using static Wharf.Linux.Mounts.MountFlags;

namespace Wharf.Runtime.Rootfs;

/// <summary>The container's own cgroups below its mount of type cgroup.</summary>
public sealed partial class ContainerMounts
{
    private void AddCgroup(Mount mount, string destination, MountOptions options)
    {
        if (layout.IsV2)
        {
            var source = cgroupPath is null ? layout.UnifiedMount! : layout.UnifiedMount + cgroupPath;
            var tree = MountTree.Clone(source, recursive: false);
            MountTree.SetAttributes(tree, options.Set | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0);
            Place(tree, destination, options, directory: true);
            return;
        }
        using var shell = MountTree.Create("tmpfs", "tmpfs", ["mode=755"], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        using (var target = InRootPath.OpenOrCreateDirectory(root, destination, maps)) MountTree.Attach(shell, target, destination);
        foreach (var hierarchy in layout.V1)
        {
            using var tree = MountTree.Clone(hierarchy.MountPoint + cgroupPath, recursive: false);
            MountTree.SetAttributes(tree, options.Set | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, MS_PRIVATE);
            using var directory = InRootPath.OpenOrCreateDirectory(root, $"{destination}/{hierarchy.Name}", maps);
            MountTree.Attach(tree, directory, hierarchy.Name);
            if (hierarchy.Name.Contains(',')) LinkNames(shell, hierarchy.Name);
        }
        MountTree.SetAttributes(shell, options.Set, 0);
    }

    // Controllers in one hierarchy are found under their own names too: cpu and cpuacct lead to cpu,cpuacct.
    private static void LinkNames(Fd shell, string name)
    {
        foreach (var controller in name.Split(','))
            if (Libc.symlinkat(name, shell.Value, controller) < 0 && Marshal.GetLastPInvokeError() is not Errno.EEXIST and var errno) throw new SyscallException("symlinkat", errno, controller);
    }
}
