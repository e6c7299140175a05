using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;

namespace Wharf.Engine.Snapshots;

/// <summary>Compares what two directories, given by their descriptors, have under one name.</summary>
internal sealed class NameComparison(ObjectStore objects, CancellationToken cancellation)
{
    private readonly byte[] _left = new byte[64 << 10], _right = new byte[64 << 10];

    /// <summary>The same type, permissions, owner and device number.</summary>
    public static bool SameInode(in FileStat left, in FileStat right) =>
        left.Mode == right.Mode && left.Uid == right.Uid && left.Gid == right.Gid && left.RdevMajor == right.RdevMajor && left.RdevMinor == right.RdevMinor;

    public static bool SameTime(in FileStat left, in FileStat right) => left.ModifiedSeconds == right.ModifiedSeconds && left.ModifiedNanoseconds == right.ModifiedNanoseconds;

    public static bool SameTarget(int left, int right, byte[] name) => FileAt.ReadLink(left, name).AsSpan().SequenceEqual(FileAt.ReadLink(right, name));

    /// <summary>The same extended attributes, of those that <paramref name="counts"/> names.</summary>
    public static bool SameXattrs(int left, int right, byte[] name, Predicate<byte[]> counts)
    {
        var names = Xattr.List(left, name).FindAll(counts);
        return names.SequenceEqual(Xattr.List(right, name).FindAll(counts), ByteStringComparer.Instance)
            && names.TrueForAll(key => Xattr.Get(left, name, key).AsSpan().SequenceEqual(Xattr.Get(right, name, key)));
    }

    public bool SameContent(int left, int right, byte[] name)
    {
        if (objects.IsOne(left, right, name)) return true;
        using var first = Open(left, name);
        using var second = Open(right, name);
        if (FileSystemType.IsBtrfs(first) && FileExtents.AreSame(first.Value, second.Value)) return true;
        for (long offset = 0; ;)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = FileAt.ReadAt(first.Value, _left, offset), other = FileAt.ReadAt(second.Value, _right, offset);
            if (count != other || !_left.AsSpan(0, count).SequenceEqual(_right.AsSpan(0, count))) return false;
            if (count == 0) return true;
            offset += count;
        }
    }

    // O_NONBLOCK: a pipe that took the file's place meanwhile must not hold us.
    private Fd Open(int directory, byte[] name) => objects.Follow(new(FileAt.Check(FileAt.Open(directory, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK), "open", name)));
}
