using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Archive;

/// <summary>Gets a file that is about to be removed; true when it took the file away itself.</summary>
public delegate bool FileTaker(int directory, ReadOnlySpan<byte> name);

/// <summary>
/// Removes a tree without following links. What a container leaves can be nested deeper than any path or descriptor limit allows,
/// so what lies too deep is moved up beside the tree's root and removed from there. The same is done with a subvolume of btrfs that has
/// others in it: whoever owns a directory there can make them.
/// </summary>
public sealed class TreeRemoval
{
    private const int MaxDepth = 64;

    private readonly Fd _top;
    private readonly FileTaker? _taker;
    private int _moved;
    private bool _again;

    private TreeRemoval(Fd top, FileTaker? taker) => (_top, _taker) = (top, taker);

    /// <summary>Removes what a path of the daemon's own names and all below it, however long the names below make it.</summary>
    public static void Remove(string path)
    {
        using var parent = OpenAt.Open(Path.GetDirectoryName(path)!, O.RDONLY | O.DIRECTORY);
        Remove(parent.Value, Encoding.UTF8.GetBytes(Path.GetFileName(path)));
    }

    /// <summary>Removes a name and all below it, in a directory that is open for reading. Not there is fine.</summary>
    public static void Remove(int directory, ReadOnlySpan<byte> name, FileTaker? taker = null)
    {
        if (IsGone(directory, name)) return;
        bool isSubvolume = Subvolume.IsOne(directory, name);
        if (isSubvolume && taker is null && Subvolume.Delete(directory, name) == 0) return;
        using (var root = new Fd(FileAt.Check(FileAt.Open(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open", name)))
        {
            if (isSubvolume) Subvolume.MakeWritable(root);
            new TreeRemoval(root, taker).EmptyTop();
        }
        int result = FileAt.Unlink(directory, name, isDirectory: true);
        if (result is not (0 or -Errno.ENOENT)) throw new SyscallException("rmdir", -result, FileAt.Text(name));
    }

    /// <summary>True when it was a file or nothing; false for a directory.</summary>
    private static bool IsGone(int directory, ReadOnlySpan<byte> name)
    {
        int result = FileAt.Unlink(directory, name);
        if (result is 0 or -Errno.ENOENT) return true;
        return result is -Errno.EISDIR or -Errno.EPERM ? false : throw new SyscallException("unlinkat", -result, FileAt.Text(name));
    }

    private void EmptyTop()
    {
        do
        {
            _again = false;
            EmptyRoot(_top);
        }
        while (_again);
    }

    private void EmptyRoot(Fd root)
    {
        while (Empty(root, root.Value, 0)) { }
    }

    /// <summary>
    /// Removes what a directory holds. True when something was moved up into <paramref name="root"/>, the highest directory of the same subvolume, and is still to be done.
    /// </summary>
    private bool Empty(Fd root, int directory, int depth)
    {
        bool again = false;
        foreach (var name in DirectoryEntries.Read(directory))
        {
            if (_taker?.Invoke(directory, name) == true || IsGone(directory, name) || FileAt.Unlink(directory, name, isDirectory: true) == 0) continue;
            bool isSubvolume = Subvolume.IsOne(directory, name);
            if (isSubvolume && _taker is null && Subvolume.Delete(directory, name) == 0) continue;
            using var child = new Fd(FileAt.Check(FileAt.Open(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open", name));
            if (isSubvolume) Subvolume.MakeWritable(child);
            if (isSubvolume && directory != _top.Value) _again = MoveUp(directory, name, _top);
            else if (depth >= MaxDepth) again = MoveUp(directory, name, root);
            else
            {
                if (isSubvolume) EmptyRoot(child);
                else again |= Empty(root, child.Value, depth + 1);
                FileAt.Check(FileAt.Unlink(directory, name, isDirectory: true), "rmdir", name);
            }
        }
        return again;
    }

    private bool MoveUp(int directory, ReadOnlySpan<byte> name, Fd target)
    {
        while (true)
        {
            var flat = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $".wharf-deep-{_moved++}"));
            int result = FileAt.Rename(directory, name, target.Value, flat);
            // A container may have used the name.
            if (result is -Errno.ENOTDIR or -Errno.ENOTEMPTY or -Errno.EEXIST) continue;
            FileAt.Check(result, "rename", name);
            return true;
        }
    }
}
