using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Without overlayfs (<c>storage-driver: vfs</c>): a container's root is a copy of all its layers in one plain directory. Layers lie on disk as they always do, so that
/// a data root can change from one to the other; each container stays what it was made as. Slow and large, and works on any file system.
/// </summary>
public sealed partial class SnapshotService
{
    private readonly Lock _fullLock = new();

    /// <summary>Whether new containers are plain copies.</summary>
    private bool CopiesLayers => _options.StorageDriver == "vfs";

    /// <summary>How a writable layer on disk was made: overlayfs's have a work directory.</summary>
    private bool IsPlainOnDisk(long number) => !Directory.Exists(NumberPath(number) + "/work");

    /// <summary>Whether a container's root is a plain copy.</summary>
    public bool IsPlain(string key) => Find(key).IsPlain;

    private void MakePlain(Fd directory, IReadOnlyList<string> layers, CancellationToken cancellation)
    {
        using var tree = MakeDirectory(directory, "fs"u8, 0x1ed);
        using var merged = MergedDirectory.Open(layers);
        new MergedCopy(tree, cancellation).Run(merged);
    }

    /// <summary>All of a stack in one directory, made when first asked for and kept beside its uppermost layer.</summary>
    private string FullPath(Digest top)
    {
        var snapshot = Find(top);
        var path = NumberPath(snapshot.Number);
        lock (_fullLock)
        {
            if (Directory.Exists(path + "/full")) return path + "/full";
            using var directory = OpenAt.Open(path, O.PATH | O.DIRECTORY);
            // What a killed daemon left half made.
            if (Directory.Exists(path + "/full.new")) TreeRemoval.Remove(directory.Value, "full.new"u8);
            using (var tree = MakeDirectory(directory, "full.new"u8, 0x1ed))
            using (var merged = MergedDirectory.Open(Lowers(top)[..^1])) new MergedCopy(tree, CancellationToken.None).Run(merged);
            FileAt.Check(FileAt.Rename(directory.Value, "full.new"u8, directory.Value, "full"u8), "renameat", "full"u8);
            return path + "/full";
        }
    }

    private static Fd OpenPlain(string path, bool readOnly)
    {
        var mount = MountTree.Clone(path, recursive: false);
        try
        {
            if (readOnly) MountTree.SetAttributes(mount, MountFlags.MOUNT_ATTR_RDONLY, 0);
            return mount;
        }
        catch
        {
            mount.Dispose();
            throw;
        }
    }

    /// <summary>A copy's changes as a layer: what is new or other in it, and whiteouts for what is gone.</summary>
    private async Task WritePlainChangesAsync(string key, TarWriter tar, TreeWriterOptions options, CancellationToken cancellation)
    {
        using var root = OpenAt.Open(TreePath(Find(key).Number), O.RDONLY | O.DIRECTORY);
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

    /// <summary>Bytes of the files that a copy has changed or added.</summary>
    private long PlainSize(string key)
    {
        using var root = OpenAt.Open(TreePath(Find(key).Number), O.PATH | O.DIRECTORY);
        long size = 0;
        foreach (FilesystemChange change in Changes(key))
        {
            if (change.Kind == Deleted) continue;
            int fd = FileAt.OpenBeneath(root.Value, Encoding.UTF8.GetBytes(change.Path!.TrimStart('/')), O.PATH | O.NOFOLLOW, Resolve.NoSymlinks);
            if (fd < 0) continue;
            using var file = new Fd(fd);
            if (FileStat.Of(file) is { IsRegular: true } stat) size += stat.Size;
        }
        return size;
    }
}
