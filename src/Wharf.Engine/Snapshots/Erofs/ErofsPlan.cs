using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using static Wharf.Engine.Snapshots.Erofs.ErofsFormat;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>Where everything behind the files' data lies: the blocks of directories, then the inodes, each with what follows it, those of one directory side by side.</summary>
internal sealed class ErofsPlan
{
    /// <summary>No inode has the number 0, which readers of directories take for a name that is gone.</summary>
    private const int FirstInode = 2 * Slot;

    public ErofsPlan(ErofsNode root, long end)
    {
        (Root, Directories) = (root, end);
        Find();
        ChooseTime();
        long blocks = end, at = FirstInode;
        foreach (var node in Nodes)
        {
            if (node.XattrSize > MostXattrs) throw WharfException.Invalid($"a file's attributes take {node.XattrSize} bytes, and an inode of EROFS holds {MostXattrs}");
            if (node.IsDirectory) node.Data = PlaceDirectory(node, ref blocks);
            at = PlaceInode(node, at);
        }
        Inodes = blocks;
        End = Aligned(Inodes + at, Block);
    }

    public ErofsNode Root { get; }
    /// <summary>All nodes, once each, in the order of their inodes.</summary>
    public List<ErofsNode> Nodes { get; } = [];
    /// <summary>Where the blocks of directories begin, in the order of the nodes.</summary>
    public long Directories { get; }
    public long Inodes { get; }
    public long End { get; }
    /// <summary>The time that most files have. Only an inode that has it can be a compact one.</summary>
    public long Seconds { get; private set; }
    public uint Nanoseconds { get; private set; }

    public long InodeNumber(ErofsNode node) => node.Place!.At / Slot;

    /// <summary>Directories before what they hold, all of one directory together.</summary>
    private void Find()
    {
        Take(Root, Root);
        for (int i = 0; i < Nodes.Count; i++)
        {
            var directory = Nodes[i];
            directory.Sort();
            foreach (var (_, child) in directory.Children)
            {
                if (child.Place is null) Take(child, directory);
                // A name for each; of a directory there is one, and those in it name it with "..".
                else child.Place.Links++;
                if (child.IsDirectory) directory.Place!.Links++;
            }
        }
    }

    private void Take(ErofsNode node, ErofsNode parent)
    {
        node.Place = new ErofsPlace { Parent = parent, Number = (uint)Nodes.Count + 1, Links = node.IsDirectory ? 2u : 1 };
        Nodes.Add(node);
    }

    private void ChooseTime()
    {
        var (seconds, nanoseconds) = Nodes.CountBy(node => (node.Seconds, node.Nanoseconds)).OrderByDescending(time => time.Value).ThenBy(time => time.Key).First().Key;
        (Seconds, Nanoseconds) = (seconds, nanoseconds);
        foreach (var node in Nodes)
        {
            node.Place!.IsCompact = node.Seconds == seconds && node.Nanoseconds == nanoseconds && node.Uid <= ushort.MaxValue && node.Gid <= ushort.MaxValue
                && node.Place.Links <= ushort.MaxValue && node.Data.Size <= uint.MaxValue;
        }
    }

    private static ErofsData PlaceDirectory(ErofsNode node, ref long blocks)
    {
        int full = 0, used = 0;
        foreach (var (name, _) in ErofsDirectory.Entries(node))
        {
            if (used + Dirent + name.Length > Block) (full, used) = (full + 1, 0);
            used += Dirent + name.Length;
        }
        bool isInline = used <= MostInline && Extended + node.XattrSize + used <= Block;
        long place = blocks, size = (long)full * Block + used;
        blocks += isInline ? (long)full * Block : Aligned(size, Block);
        return new ErofsData(isInline ? ErofsLayout.FlatInline : ErofsLayout.FlatPlain, size, full > 0 || !isInline ? ErofsWriter.BlockNumber(place) : 0, 0, null, 0, isInline ? used : 0);
    }

    /// <summary>The next free place behind a node.</summary>
    private static long PlaceInode(ErofsNode node, long at)
    {
        var place = node.Place!;
        int size = place.InodeSize + node.XattrSize + node.Data.TrailerSize;
        // An inode lies in one block; so does data behind it, which goes with its inode.
        int together = node.Data.Layout == ErofsLayout.FlatInline ? size : place.InodeSize;
        if (at % Block + together > Block) at = Aligned(at, Block);
        place.At = at;
        return Aligned(at + size, Slot);
    }
}
