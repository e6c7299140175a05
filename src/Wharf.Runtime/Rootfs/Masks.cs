using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using static Wharf.Linux.Mounts.MountFlags;

namespace Wharf.Runtime.Rootfs;

/// <summary>Masked and read-only paths outside /proc (those inside are the child's, see LaunchSteps).</summary>
public static class Masks
{
    public static bool IsUnderProc(string path) => path.StartsWith("/proc/", StringComparison.Ordinal) || path == "/proc";

    /// <summary>An empty directory that nothing can be written to.</summary>
    public static Fd EmptyDirectory() => MountTree.Create("tmpfs", "tmpfs", ["nr_inodes=1", "mode=555"], MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

    public static void Hide(Fd root, Fd nullDevice, string path)
    {
        using var target = OpenAt.TryInRoot(root, path, O.PATH, 0, Resolve.None, out _);
        if (target is null) return;
        using var cover = FileStat.Of(target).IsDirectory ? EmptyDirectory() : MountTree.Clone(nullDevice);
        MountTree.Attach(cover, target, path);
    }

    public static void MakeReadOnly(Fd root, string path)
    {
        using var target = OpenAt.TryInRoot(root, path, O.PATH, 0, Resolve.None, out _);
        if (target is null) return;
        using var tree = MountTree.Clone(target, recursive: true);
        MountTree.SetAttributes(tree, MOUNT_ATTR_RDONLY, 0, recursive: true);
        MountTree.Attach(tree, target, path);
    }
}
