using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Archive;

/// <summary>Gets a file that is about to be removed; true when it took the file away itself.</summary>
public delegate bool FileTaker(int directory, ReadOnlySpan<byte> name);

/// <summary>
/// Removes a tree without following links. What a container leaves can be nested deeper than any path or descriptor limit allows,
/// so what lies too deep is moved up beside the tree's root and removed from there.
/// </summary>
public static class TreeRemoval
{
    private const int MaxDepth = 64;

    /// <summary>Removes what a path of the daemon's own names and all below it, however long the names below make it.</summary>
    public static void Remove(string path)
    {
        using var parent = OpenAt.Open(Path.GetDirectoryName(path)!, O.PATH | O.DIRECTORY);
        Remove(parent.Value, Encoding.UTF8.GetBytes(Path.GetFileName(path)));
    }

    /// <summary>Removes a name and all below it. Not there is fine.</summary>
    public static void Remove(int directory, ReadOnlySpan<byte> name, FileTaker? taker = null)
    {
        int result = FileAt.Unlink(directory, name);
        if (result is 0 or -Errno.ENOENT) return;
        if (result is not (-Errno.EISDIR or -Errno.EPERM)) throw new SyscallException("unlinkat", -result, FileAt.Text(name));
        int top = FileAt.Open(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
        if (top < 0) throw new SyscallException("open", -top, FileAt.Text(name));
        using (var root = new Fd(top))
        {
            int moved = 0;
            while (Empty(root, root.Value, 0, taker, ref moved)) { }
        }
        result = FileAt.Unlink(directory, name, isDirectory: true);
        if (result is not (0 or -Errno.ENOENT)) throw new SyscallException("rmdir", -result, FileAt.Text(name));
    }

    /// <summary>Removes what a directory holds. True when something was moved up into the root and is still to be done.</summary>
    private static bool Empty(Fd root, int directory, int depth, FileTaker? taker, ref int moved)
    {
        bool again = false;
        foreach (var name in DirectoryEntries.Read(directory))
        {
            if (taker?.Invoke(directory, name) == true) continue;
            int result = FileAt.Unlink(directory, name);
            if (result is 0 or -Errno.ENOENT) continue;
            if (result is not (-Errno.EISDIR or -Errno.EPERM)) throw new SyscallException("unlinkat", -result, FileAt.Text(name));
            if (FileAt.Unlink(directory, name, isDirectory: true) == 0) continue;
            if (depth >= MaxDepth)
            {
                var flat = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $".wharf-deep-{moved++}"));
                FileAt.Check(FileAt.Rename(directory, name, root.Value, flat), "rename", name);
                again = true;
                continue;
            }
            int child = FileAt.Check(FileAt.Open(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open", name);
            using (new Fd(child)) again |= Empty(root, child, depth + 1, taker, ref moved);
            FileAt.Check(FileAt.Unlink(directory, name, isDirectory: true), "rmdir", name);
        }
        if (depth == 0 && again) SyscallException.Check((nint)Libc.lseek(root.Value, 0, 0), "lseek");
        return again;
    }
}
