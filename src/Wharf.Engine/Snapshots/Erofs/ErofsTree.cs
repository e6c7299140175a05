using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>Reads a directory with all below it into the nodes of an image, with attributes, hard links, devices and holes, and gives the files' data to its writer. Names are sorted, so that the same tree gives the same image.</summary>
internal sealed class ErofsTree(ErofsWriter writer, CancellationToken cancellation)
{
    private readonly Dictionary<(uint, uint, ulong), ErofsNode> _linked = [];

    /// <summary>Takes the contents of files that are worth it; null where the image is to have them all.</summary>
    public ObjectIntake? Objects { get; init; }

    public ErofsNode Read(Fd root) => ReadDirectory(root, FileStat.Of(root), Attributes(root.Value, []), 0);

    private ErofsNode ReadDirectory(Fd directory, in FileStat stat, IReadOnlyList<ErofsXattr> xattrs, int depth)
    {
        cancellation.ThrowIfCancellationRequested();
        if (depth > TreeSize.MaxDepth) throw new SyscallException("read", Errno.ELOOP);
        var node = Node(stat, xattrs);
        foreach (var name in DirectoryEntries.Read(directory.Value))
        {
            FileAt.Check(FileAt.Stat(directory.Value, name, out var child), "statx", name);
            node.Add(name, ReadChild(directory, name, child, depth + 1));
        }
        return node;
    }

    private ErofsNode ReadChild(Fd directory, byte[] name, in FileStat stat, int depth)
    {
        var key = (stat.DeviceMajor, stat.DeviceMinor, stat.Inode);
        // A name that was taken away with its content is counted no more.
        if (!stat.IsDirectory && (stat.Links > 1 || Objects is not null) && _linked.TryGetValue(key, out var linked)) return linked;
        var xattrs = Attributes(directory.Value, name);
        if (stat.IsDirectory)
        {
            using var child = new Fd(FileAt.Check(FileAt.Open(directory.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "openat", name));
            return ReadDirectory(child, stat, xattrs, depth);
        }
        var node = stat.IsRegular && stat.Size > 0 ? ReadFile(directory, name, stat, xattrs) : Node(stat, xattrs);
        if (stat.IsSymlink) writer.SetData(node, FileAt.ReadLink(directory.Value, name));
        if (stat.Links > 1) _linked.Add(key, node);
        return node;
    }

    private ErofsNode ReadFile(Fd directory, byte[] name, in FileStat stat, IReadOnlyList<ErofsXattr> xattrs)
    {
        using var file = new Fd(FileAt.Check(FileAt.Open(directory.Value, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK), "openat", name));
        if (Objects is null || stat.Size < Objects.MinSize)
        {
            var whole = Node(stat, xattrs);
            writer.SetData(whole, file);
            return whole;
        }
        var marks = ObjectStore.Marks(Objects.Take(directory, name, file, stat.Size)).Select(static mark => ErofsXattr.Of(mark.Name, mark.Value));
        var node = Node(stat, [.. xattrs, .. marks]);
        writer.SetHole(node, stat.Size);
        return node;
    }

    internal static ErofsNode Node(in FileStat stat, IReadOnlyList<ErofsXattr> xattrs) => new()
    {
        Mode = stat.Mode, Uid = stat.Uid, Gid = stat.Gid, Seconds = stat.ModifiedSeconds, Nanoseconds = stat.ModifiedNanoseconds, Major = stat.RdevMajor, Minor = stat.RdevMinor, Xattrs = xattrs,
    };

    internal static IReadOnlyList<ErofsXattr> Attributes(int directory, ReadOnlySpan<byte> name, Predicate<byte[]>? counts = null)
    {
        var attributes = Xattr.List(directory, name);
        if (attributes.Count == 0) return [];
        var xattrs = new List<ErofsXattr>();
        foreach (var attribute in attributes) if (counts?.Invoke(attribute) != false && Xattr.Get(directory, name, attribute) is { } value) xattrs.Add(ErofsXattr.Of(attribute, value));
        return xattrs;
    }
}
