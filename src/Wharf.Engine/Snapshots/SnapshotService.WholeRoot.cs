using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Snapshots;

/// <summary>Changes of containers whose driver gives each a root of its own, with everything in it.</summary>
public sealed partial class SnapshotService
{
    /// <summary>The changes as a layer: what is new or other in it, and whiteouts for what is gone.</summary>
    private async Task WriteWholeRootChangesAsync(string key, TarWriter tar, TreeWriterOptions options, CancellationToken cancellation)
    {
        using var root = OpenAt.Open(TreePath(Find(key)), O.RDONLY | O.DIRECTORY);
        var tree = new TreeWriter(tar, options);
        foreach (var change in Changes(key))
        {
            var path = Encoding.UTF8.GetBytes(change.Path!.TrimStart('/'));
            int slash = path.AsSpan().LastIndexOf((byte)'/');
            int fd = slash < 0 ? FileAt.Open(root.Value, "."u8, O.RDONLY | O.DIRECTORY) : FileAt.OpenBeneath(root.Value, path.AsSpan(0, slash), O.RDONLY | O.DIRECTORY, Resolve.NoSymlinks);
            // A running container may remove it meanwhile.
            if (fd == -Errno.ENOENT) continue;
            using var parent = new Fd(FileAt.Check(fd, "openat2", path));
            if (change.Kind == Deleted) await tree.WriteWhiteoutAsync(path, cancellation).ConfigureAwait(false);
            else await tree.WriteAloneAsync(parent, path[(slash + 1)..], path, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Bytes of the files that a container has changed or added, hard links counted once.</summary>
    private long WholeRootSize(string key)
    {
        using var root = OpenAt.Open(TreePath(Find(key)), O.PATH | O.DIRECTORY);
        var linked = new HashSet<(uint, uint, ulong)>();
        long size = 0;
        foreach (FilesystemChange change in Changes(key))
        {
            if (change.Kind == Deleted) continue;
            int fd = FileAt.OpenBeneath(root.Value, Encoding.UTF8.GetBytes(change.Path!.TrimStart('/')), O.PATH | O.NOFOLLOW, Resolve.NoSymlinks);
            if (fd < 0) continue;
            using var file = new Fd(fd);
            if (FileStat.Of(file) is { IsRegular: true } stat && (stat.Links == 1 || linked.Add((stat.DeviceMajor, stat.DeviceMinor, stat.Inode)))) size += stat.Size;
        }
        return size;
    }
}
