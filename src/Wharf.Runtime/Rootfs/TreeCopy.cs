using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Rootfs;

/// <summary>Copies a directory's content, name by name through descriptors, never following a link: for tmpfs with tmpcopyup.</summary>
internal static class TreeCopy
{
    private const int MostDepth = 256;

    /// <summary>Copies all of <paramref name="source"/> (open for reading) into the root of a new file system, and the directory's own mode and owner.</summary>
    public static void Into(Fd source, Fd target)
    {
        using var writable = OpenAt.InRoot(target, ".", O.RDONLY | O.DIRECTORY);
        CopyDirectory(source.Value, writable.Value, 0);
    }

    private static void CopyDirectory(int source, int target, int depth)
    {
        if (depth > MostDepth) throw new SyscallException("copy", Errno.ELOOP);
        foreach (var name in DirectoryEntries.Read(source)) CopyEntry(source, target, name, depth);
        FileAt.Check(FileAt.Stat(source, [], out var stat), "statx", []);
        SyscallException.Check(Libc.fchown(target, stat.Uid, stat.Gid), "fchown");
        SyscallException.Check(Libc.fchmod(target, stat.Permissions), "fchmod");
        _ = FileAt.SetTimes(target, stat.ModifiedSeconds, stat.ModifiedNanoseconds); // what cannot be given a time keeps the one it has
    }

    private static void CopyEntry(int source, int target, byte[] name, int depth)
    {
        FileAt.Check(FileAt.Stat(source, name, out var stat), "statx", name);
        if (stat.IsDirectory)
        {
            FileAt.Check(FileAt.MakeDirectory(target, name, stat.Permissions), "mkdirat", name);
            using var from = new Fd(FileAt.Check(FileAt.Open(source, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "openat", name));
            using var to = new Fd(FileAt.Check(FileAt.Open(target, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "openat", name));
            CopyDirectory(from.Value, to.Value, depth + 1);
            return;
        }
        if (stat.IsRegular) CopyFile(source, target, name, stat);
        else if (stat.IsSymlink) FileAt.Check(FileAt.Symlink(FileAt.ReadLink(source, name), target, name), "symlinkat", name);
        else FileAt.Check(FileAt.MakeNode(target, name, stat.Mode, stat.RdevMajor, stat.RdevMinor), "mknodat", name);
        FileAt.Check(FileAt.ChangeOwner(target, name, stat.Uid, stat.Gid), "fchownat", name);
        if (!stat.IsSymlink) FileAt.Check(FileAt.ChangeMode(target, name, stat.Permissions), "fchmodat", name);
        _ = FileAt.SetTimes(target, name, stat.ModifiedSeconds, stat.ModifiedNanoseconds);
    }

    private static void CopyFile(int source, int target, byte[] name, FileStat stat)
    {
        using var from = new Fd(FileAt.Check(FileAt.Open(source, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK), "openat", name));
        using var to = new Fd(FileAt.Check(FileAt.Open(target, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, stat.Permissions), "openat", name));
        var buffer = new byte[65536];
        int count;
        for (long at = 0; (count = FileAt.ReadAt(from.Value, buffer, at)) > 0; at += count) FileAt.WriteAll(to.Value, buffer.AsSpan(0, count));
    }
}
