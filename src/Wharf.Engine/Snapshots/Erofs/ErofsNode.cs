using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using static Wharf.Engine.Snapshots.Erofs.ErofsFormat;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>
/// A file as an image is to have it: what its inode says, a directory's names, and its data, once an <see cref="ErofsWriter"/> took that. A node that stands
/// under several names is a file with hard links.
/// </summary>
internal sealed class ErofsNode
{
    private List<(byte[] Name, ErofsNode Node)>? _children;

    /// <summary>Type and permissions (inode(7)).</summary>
    public required uint Mode { get; init; }
    public uint Uid { get; init; }
    public uint Gid { get; init; }
    /// <summary>Of the file's last change; EROFS has no other time.</summary>
    public long Seconds { get; init; }
    public uint Nanoseconds { get; init; }
    /// <summary>Which device, of a device node.</summary>
    public uint Major { get; init; }
    public uint Minor { get; init; }
    /// <summary>Extended attributes, in the order they are to have.</summary>
    public IReadOnlyList<ErofsXattr> Xattrs { get; init; } = [];

    public bool IsDirectory => (Mode & FileStat.S_IFMT) == FileStat.S_IFDIR;

    public IReadOnlyList<(byte[] Name, ErofsNode Node)> Children => _children ?? [];

    /// <summary>Where the data is. A regular file without any is empty.</summary>
    internal ErofsData Data { get; set; } = ErofsData.None;

    internal ErofsPlace? Place { get; set; }

    /// <summary>Bytes that attributes take behind the inode.</summary>
    internal int XattrSize => Xattrs.Count == 0 ? 0 : XattrHeader + Xattrs.Sum(xattr => xattr.Size);

    /// <summary>Puts a file into this directory. InvalidArgument for what is no name; that a name is there twice is told when the image is completed.</summary>
    public void Add(byte[] name, ErofsNode node)
    {
        if (name.Length is 0 or > EROFS_NAME_LEN || name.AsSpan().ContainsAny((byte)0, (byte)'/') || name.AsSpan().SequenceEqual("."u8) || name.AsSpan().SequenceEqual(".."u8))
            throw WharfException.Invalid($"\"{FileAt.Text(name)}\" cannot be a name in an EROFS image");
        (_children ??= []).Add((name, node));
    }

    /// <summary>Sorts the names by bytes, as the kernel looks them up.</summary>
    internal void Sort()
    {
        if (_children is null) return;
        _children.Sort(static (a, b) => a.Name.AsSpan().SequenceCompareTo(b.Name));
        for (int i = 1; i < _children.Count; i++)
            if (_children[i].Name.AsSpan().SequenceEqual(_children[i - 1].Name)) throw WharfException.Invalid($"\"{FileAt.Text(_children[i].Name)}\" is twice in a directory of an EROFS image");
    }
}

/// <summary>Where a node's data lies. <see cref="Trailer"/>, which follows the inode, is the last part of a file, or the places of its chunks; it is in memory, or among what the writer keeps aside.</summary>
internal readonly record struct ErofsData(ErofsLayout Layout, long Size, uint FirstBlock, int ChunkBits, byte[]? Trailer, long TrailerAt, int TrailerSize)
{
    public static ErofsData None => new(ErofsLayout.FlatPlain, 0, 0, 0, [], 0, 0);
}

/// <summary>Where a node stands in the image: from the start of the inodes, with one number of the directory it is in.</summary>
internal sealed class ErofsPlace
{
    public long At { get; set; }
    public bool IsCompact { get; set; }
    public uint Links { get; set; }
    public required ErofsNode Parent { get; init; }
    public uint Number { get; init; }
    public int InodeSize => IsCompact ? Compact : Extended;
}
