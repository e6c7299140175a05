using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Copies what a stack of layers shows into one plain directory, for file systems on which overlayfs cannot stand: owners, modes, times, attributes, hard links,
/// devices and holes. Name by name through descriptors, never following a link. Data is shared where the file system can.
/// </summary>
internal sealed class MergedCopy(Fd root, ObjectStore objects, CancellationToken cancellation)
{
    /// <summary>A path longer than this is no path for linkat(2): such a file's other names become files of their own.</summary>
    private const int MaxLinkPath = 4000;
    private const int Block = 64 << 10;

    private readonly Dictionary<(uint, uint, ulong), byte[]> _linked = [];
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(Block);

    /// <summary>What is there already stays as it is, and its directories get what they have not. Otherwise only directories may be there, and become like those of the source.</summary>
    public bool OnlyAdds { get; init; }

    /// <summary>Copies all below the root, and the root's own owner, mode and attributes.</summary>
    public void Run(MergedDirectory source)
    {
        FileAt.Check(FileAt.Stat(root.Value, "."u8, out var before), "statx", "."u8);
        CopyChildren(source, root.Value, [], 0);
        if (source.TryStat("."u8, out var stat, out int directory)) EndDirectory(root.Value, "."u8, before, stat, directory);
    }

    private void CopyChildren(MergedDirectory source, int target, byte[] path, int depth)
    {
        cancellation.ThrowIfCancellationRequested();
        if (depth > TreeSize.MaxDepth) throw new SyscallException("copy", Errno.ELOOP);
        foreach (var name in source.Names())
        {
            if (!source.TryStat(name, out var stat, out int directory)) continue;
            byte[] full = path.Length == 0 ? name : [.. path, (byte)'/', .. name];
            FileStat? there = FileAt.Stat(target, name, out var before) == 0 ? before : null;
            if (OnlyAdds && there is { } other && !(other.IsDirectory && stat.IsDirectory)) continue;
            if (stat.IsDirectory)
            {
                if (there is null) FileAt.Check(FileAt.MakeDirectory(target, name, 0x1c0), "mkdirat", name);
                using var to = new Fd(FileAt.Check(FileAt.Open(target, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "openat", name));
                using (var from = source.Enter(name)) if (from is not null) CopyChildren(from, to.Value, full, depth + 1);
                EndDirectory(target, name, there, stat, directory);
            }
            else if (!TryLink(target, name, full, stat))
            {
                CopyNode(directory, target, name, stat);
                SetMetadata(target, name, stat, directory);
            }
        }
    }

    /// <summary>When all that it holds is there: a directory that was there before is as it was, or else becomes like the source's.</summary>
    private void EndDirectory(int target, ReadOnlySpan<byte> name, FileStat? before, in FileStat stat, int source)
    {
        if (before is { } was && OnlyAdds) FileAt.Check(FileAt.SetTimes(target, name, was.ModifiedSeconds, was.ModifiedNanoseconds), "utimensat", name);
        else
        {
            if (before is not null) RemoveOtherAttributes(target, name, source);
            SetMetadata(target, name, stat, source);
        }
    }

    private static void RemoveOtherAttributes(int target, ReadOnlySpan<byte> name, int source)
    {
        var wanted = Xattr.List(source, name).ToHashSet(ByteStringComparer.Instance);
        foreach (var attribute in Xattr.List(target, name).Where(attribute => !wanted.Contains(attribute))) FileAt.Check(Xattr.Remove(target, name, attribute), "removexattr", name);
    }

    private bool TryLink(int target, byte[] name, byte[] path, in FileStat stat)
    {
        if (stat.Links < 2) return false;
        var key = (stat.DeviceMajor, stat.DeviceMinor, stat.Inode);
        if (!_linked.TryGetValue(key, out var first))
        {
            if (path.Length < MaxLinkPath) _linked.Add(key, path);
            return false;
        }
        int result = FileAt.Link(root.Value, first, target, name);
        if (result == -Errno.EMLINK) return false;
        FileAt.Check(result, "linkat", name);
        return true;
    }

    private void CopyNode(int source, int target, byte[] name, in FileStat stat)
    {
        if (stat.IsRegular) CopyFile(source, target, name, stat.Size);
        else if (stat.IsSymlink) FileAt.Check(FileAt.Symlink(FileAt.ReadLink(source, name), target, name), "symlinkat", name);
        else FileAt.Check(FileAt.MakeNode(target, name, stat.Mode, stat.RdevMajor, stat.RdevMinor), "mknodat", name);
    }

    private void CopyFile(int source, int target, byte[] name, long size)
    {
        using var from = objects.Follow(new Fd(FileAt.Check(FileAt.Open(source, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK), "openat", name)));
        using var to = new Fd(FileAt.Check(FileAt.Open(target, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0x180), "openat", name));
        if (FileAt.ShareData(from.Value, to.Value)) return;
        int count;
        for (long at = 0; (count = FileAt.ReadAt(from.Value, _buffer, at)) > 0; at += count)
            if (_buffer.AsSpan(0, count).ContainsAnyExcept((byte)0)) FileAt.WriteAllAt(to.Value, _buffer.AsSpan(0, count), at);
        SyscallException.Check(Libc.ftruncate(to.Value, size), "ftruncate");
    }

    /// <summary>Owner, then attributes, then mode, then times: each of them would undo one behind it.</summary>
    private static void SetMetadata(int target, ReadOnlySpan<byte> name, in FileStat stat, int source)
    {
        FileAt.Check(FileAt.ChangeOwner(target, name, stat.Uid, stat.Gid), "fchownat", name);
        if (stat.IsRegular || stat.IsDirectory)
        {
            foreach (var attribute in Xattr.List(source, name))
            {
                if (OverlayMarks.IsMark(attribute) || Xattr.Get(source, name, attribute) is not { } value) continue;
                int result = Xattr.Set(target, name, attribute, value);
                if (result != -Errno.EOPNOTSUPP) FileAt.Check(result, "setxattr", name);
            }
        }
        if (!stat.IsSymlink) FileAt.Check(FileAt.ChangeMode(target, name, stat.Permissions), "fchmodat", name);
        FileAt.Check(FileAt.SetTimes(target, name, stat.ModifiedSeconds, stat.ModifiedNanoseconds), "utimensat", name);
    }
}
