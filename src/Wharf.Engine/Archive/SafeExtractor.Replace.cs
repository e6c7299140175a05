using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

public sealed partial class SafeExtractor
{
    /// <summary>Removes what is where the current member goes. <paramref name="parent"/> stays open.</summary>
    private void MakeWay(ParentDirectory parent, TarEntry entry)
    {
        int result = FileAt.Stat(parent.Fd.Value, _path.Name, out var stat);
        if (result == -Errno.ENOENT) return;
        FileAt.Check(result, "statx", _path.Name);
        if (_options.NoOverwriteDirNonDir && stat.IsDirectory != entry.IsDirectory)
        {
            throw WharfException.Invalid(stat.IsDirectory
                ? $"cannot overwrite directory \"{Text(_path.All)}\" with non-directory \"{Text(_path.All)}\""
                : $"cannot overwrite non-directory \"{Text(_path.All)}\" with directory \"{Text(_path.All)}\"");
        }
        if (_options.Layer is null) RequireUnmounted(parent.Fd.Value, _path.Name, FileStat.Of(parent.Fd).MountId, 0);
        if (!Keep(parent.Fd.Value, _path.Name)) TreeRemoval.Remove(parent.Fd.Value, _path.Name, _options.Layer is null ? null : Keep);
        // Paths may have led through what is gone. The current parent cannot have: it is still what its path names.
        if (stat.IsDirectory || stat.IsSymlink) ForgetParentsBut(parent);
    }

    /// <summary>
    /// What is mounted in a container must not be emptied because an archive has something else in its place; and the kernel, which would say
    /// EBUSY to the container, lets others remove a place to mount on and takes the mount off (rename(2), since Linux 3.18).
    /// </summary>
    private static void RequireUnmounted(int directory, ReadOnlySpan<byte> name, ulong mount, int depth)
    {
        int result = FileAt.Stat(directory, name, out var stat);
        if (result == -Errno.ENOENT) return;
        FileAt.Check(result, "statx", name);
        if (stat.MountId != mount) throw new SyscallException("unlinkat", Errno.EBUSY, Text(name));
        if (!stat.IsDirectory) return;
        // Nobody has looked below: who makes a tree so deep may have it for himself, but not what is mounted in it emptied.
        if (depth == TreeSize.MaxDepth) throw new SyscallException("unlinkat", Errno.EBUSY, $"{Text(name)}, {depth} directories deep");
        using var inside = new Fd(FileAt.Check(FileAt.Open(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open", name));
        foreach (var below in DirectoryEntries.Read(inside.Value)) RequireUnmounted(inside.Value, below, mount, depth + 1);
    }

    /// <summary>Takes a replaced file of the same layer aside, named by its inode; the layer's tar still has its bytes.</summary>
    private bool Keep(int directory, ReadOnlySpan<byte> name)
    {
        if (_options.Layer is not { } layer) return false;
        FileAt.Check(FileAt.Stat(directory, name, out var stat), "statx", name);
        if (!stat.IsRegular || stat.Size == 0) return false;
        var kept = Encoding.ASCII.GetBytes(stat.Inode.ToString(CultureInfo.InvariantCulture));
        FileAt.Check(FileAt.Rename(directory, name, layer.Kept.Value, kept), "rename", name);
        // rename(2) does nothing when both names already are one file (a hard link kept before).
        int result = FileAt.Unlink(directory, name);
        if (result is not (0 or -Errno.ENOENT)) throw new SyscallException("unlinkat", -result, Text(name));
        return true;
    }

    private void ForgetParentsBut(ParentDirectory? parent)
    {
        foreach (var known in _parents.Values)
        {
            if (known != parent) known.Fd.Dispose();
        }
        _parents.Clear();
        _last = null;
        if (parent is null || parent == _rootParent) return;
        _parents.Add(parent.Path, parent);
        _last = parent;
    }
}
