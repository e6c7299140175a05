using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>
/// Reads what layers over each other show into the nodes of one image. A file whose content is in the store of objects leads there from the new image too; the content of
/// others is copied.
/// </summary>
internal sealed class ErofsStack(ErofsWriter writer, CancellationToken cancellation)
{
    private readonly Dictionary<(uint, uint, ulong), ErofsNode> _linked = [];

    public ErofsNode Read(MergedDirectory root)
    {
        if (!root.TryStat("."u8, out var stat, out int directory)) throw new SyscallException("statx", Errno.ENOENT, ".");
        return ReadDirectory(root, stat, directory, [], 0);
    }

    private ErofsNode ReadDirectory(MergedDirectory source, in FileStat stat, int directory, ReadOnlySpan<byte> name, int depth)
    {
        cancellation.ThrowIfCancellationRequested();
        if (depth > TreeSize.MaxDepth) throw new SyscallException("read", Errno.ELOOP);
        var node = ErofsTree.Node(stat, Attributes(directory, name));
        foreach (var child in source.Names())
        {
            if (!source.TryStat(child, out var found, out int place)) continue;
            if (!found.IsDirectory) node.Add(child, ReadFile(place, child, found));
            else using (var inner = source.Enter(child)) node.Add(child, ReadDirectory(inner!, found, place, child, depth + 1));
        }
        return node;
    }

    private ErofsNode ReadFile(int directory, byte[] name, in FileStat stat)
    {
        var key = (stat.DeviceMajor, stat.DeviceMinor, stat.Inode);
        if (stat.Links > 1 && _linked.TryGetValue(key, out var linked)) return linked;
        var xattrs = Attributes(directory, name);
        var node = ErofsTree.Node(stat, xattrs);
        if (stat.IsSymlink) writer.SetData(node, FileAt.ReadLink(directory, name));
        else if (stat.IsRegular && stat.Size > 0)
        {
            if (ObjectStore.LeadsElsewhere(directory, name)) writer.SetHole(node, stat.Size);
            else
            {
                using var file = new Fd(FileAt.Check(FileAt.Open(directory, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK), "openat", name));
                writer.SetData(node, file);
            }
        }
        if (stat.Links > 1) _linked.Add(key, node);
        return node;
    }

    /// <summary>Marks that say what a layer does to those below it have had their effect.</summary>
    private static IReadOnlyList<ErofsXattr> Attributes(int directory, ReadOnlySpan<byte> name) =>
        ErofsTree.Attributes(directory, name, static attribute => !OverlayMarks.IsMark(attribute) || ObjectStore.IsMark(attribute));
}
