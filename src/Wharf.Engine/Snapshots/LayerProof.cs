using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Compares a layer's tree with a hollow one, made of the same tar a moment ago: names, types, permissions, owners, sizes, times of all but directories, link targets, hard
/// links, device numbers and extended attributes, overlayfs's marks among them. The data of files is proved by the tar's digest, but for what a hard link copied up from a lower layer.
/// </summary>
internal sealed class LayerProof(IReadOnlySet<byte[]> copiedUp, ObjectStore objects, CancellationToken cancellation)
{
    private readonly NameComparison _names = new(objects, cancellation);
    private readonly Dictionary<ulong, ulong> _linked = [];
    private string? _first;
    private int _more;

    /// <summary>What is wrong with the tree, or null.</summary>
    public string? Run(Fd expected, Fd found)
    {
        CompareName(expected.Value, found.Value, "."u8.ToArray(), []);
        Compare(expected.Value, found.Value, [], 0);
        return _more == 0 ? _first : $"{_first}, and {_more} more like this";
    }

    private void Compare(int expected, int found, byte[] prefix, int depth)
    {
        cancellation.ThrowIfCancellationRequested();
        if (depth > TreeSize.MaxDepth) throw new SyscallException("compare", Errno.ELOOP);
        var wanted = DirectoryEntries.Read(expected);
        var known = wanted.ToHashSet(ByteStringComparer.Instance);
        foreach (var name in DirectoryEntries.Read(found).Where(name => !known.Contains(name))) Tell([.. prefix, .. name], "is not of this layer");
        foreach (var name in wanted)
        {
            byte[] path = [.. prefix, .. name];
            if (!CompareName(expected, found, name, path)) continue;
            using var left = OpenDirectory(expected, name);
            using var right = OpenDirectory(found, name);
            Compare(left.Value, right.Value, [.. path, (byte)'/'], depth + 1);
        }
    }

    /// <summary>True when both are directories.</summary>
    private bool CompareName(int expected, int found, byte[] name, byte[] path)
    {
        FileAt.Check(FileAt.Stat(expected, name, out var wanted), "statx", path);
        int result = FileAt.Stat(found, name, out var there);
        if (result == -Errno.ENOENT)
        {
            Tell(path, "is missing");
            return false;
        }
        FileAt.Check(result, "statx", path);
        if (Difference(wanted, there) is { } difference) Tell(path, difference);
        else if (wanted.IsSymlink && !NameComparison.SameTarget(expected, found, name)) Tell(path, "leads elsewhere");
        else if (!NameComparison.SameXattrs(expected, found, name, Counts)) Tell(path, "has other extended attributes");
        else if (copiedUp.Contains(path) && !_names.SameContent(expected, found, name)) Tell(path, "has other data");
        return wanted.IsDirectory && there.IsDirectory;
    }

    private string? Difference(in FileStat wanted, in FileStat there)
    {
        if (wanted.Type != there.Type) return "is of another type";
        if (!NameComparison.SameInode(wanted, there))
            return $"has mode {Octal(there.Permissions)}, owner {there.Uid}:{there.Gid} and device {there.RdevMajor}:{there.RdevMinor} instead of {Octal(wanted.Permissions)}, {wanted.Uid}:{wanted.Gid} and {wanted.RdevMajor}:{wanted.RdevMinor}";
        if (wanted.IsDirectory) return null;
        if (wanted.IsRegular && wanted.Size != there.Size) return $"has {there.Size} bytes instead of {wanted.Size}";
        // A whiteout has the time of its making.
        if (!wanted.IsWhiteout && !NameComparison.SameTime(wanted, there)) return "was changed at another time";
        if (wanted.Links != there.Links) return $"has {there.Links} names instead of {wanted.Links}";
        if (wanted.Links == 1 || _linked.TryAdd(wanted.Inode, there.Inode) || _linked[wanted.Inode] == there.Inode) return null;
        return "is a link to another file";
    }

    private static string Octal(uint mode) => Convert.ToString(mode, 8).PadLeft(4, '0');

    /// <summary>Labels of the machine's security module follow its policy and not the layer. Where a file's content is, its driver says.</summary>
    private static bool Counts(byte[] attribute) => !attribute.AsSpan().SequenceEqual("security.selinux"u8) && !ObjectStore.IsMark(attribute);

    private void Tell(byte[] path, string what)
    {
        if (_first is null) _first = $"/{Encoding.UTF8.GetString(path)} {what}";
        else _more++;
    }

    private static Fd OpenDirectory(int parent, byte[] name) => new(FileAt.Check(FileAt.Open(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open", name));
}
