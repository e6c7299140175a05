using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

public sealed partial class SafeExtractor
{
    private const uint SetIdBits = FileStat.S_ISUID | FileStat.S_ISGID;

    /// <summary>
    /// Owner, then attributes, then mode, then times: chown(2) clears set-ID bits and capabilities, writing clears them too.
    /// What creation already made right is left alone, which for most files is all but the times.
    /// </summary>
    private FileStat SetFileMetadata(int fd, TarEntry entry)
    {
        FileAt.Check(FileAt.Stat(fd, [], out var stat), "statx", _path.Name);
        var (uid, gid) = _options.Owner ?? (entry.Uid, entry.Gid);
        bool chown = _options.SetOwner && (stat.Uid != uid || stat.Gid != gid);
        if (chown) RequireOwner(uid, gid);
        if (chown) SyscallException.Check(Libc.fchown(fd, uid, gid), "fchown", entry.NameText);
        if (entry.Xattrs is not null)
        {
            foreach (var xattr in entry.Xattrs)
            {
                if (IsAllowed(xattr.Name)) CheckXattr(Xattr.Set(fd, xattr.Name, xattr.Value), xattr.Name);
            }
        }
        if (stat.Permissions != entry.Mode || (chown && (entry.Mode & SetIdBits) != 0) || entry.Xattrs is not null)
            SyscallException.Check(Libc.fchmod(fd, entry.Mode), "fchmod", entry.NameText);
        FileAt.Check(FileAt.SetTimes(fd, entry.ModifiedSeconds, entry.ModifiedNanoseconds), "futimens", _path.Name);
        return stat;
    }

    private void SetMetadata(ParentDirectory parent, ReadOnlySpan<byte> name, TarEntry entry)
    {
        var (uid, gid) = _options.Owner ?? (entry.Uid, entry.Gid);
        SetNameMetadata(parent.Fd.Value, name, entry.Mode, uid, gid);
        if (entry.Xattrs is null) return;
        foreach (var xattr in entry.Xattrs)
        {
            if (IsAllowed(xattr.Name)) CheckXattr(Xattr.Set(parent.Fd.Value, name, xattr.Name, xattr.Value), xattr.Name);
        }
    }

    private void SetNameMetadata(int parent, ReadOnlySpan<byte> name, uint mode, uint uid, uint gid)
    {
        FileAt.Check(FileAt.Stat(parent, name, out var stat), "statx", name);
        bool chown = _options.SetOwner && (stat.Uid != uid || stat.Gid != gid);
        if (chown) RequireOwner(uid, gid);
        if (chown) FileAt.Check(FileAt.ChangeOwner(parent, name, uid, gid), "fchownat", name);
        // A symbolic link has no mode of its own (symlink(7)).
        if (stat.IsSymlink) return;
        mode &= 0xfff;
        if (stat.Permissions != mode || (chown && (mode & SetIdBits) != 0)) FileAt.Check(FileAt.ChangeMode(parent, name, mode), "fchmodat", name);
    }

    private void RequireOwner(uint uid, uint gid)
    {
        if (!UserNamespace.Has(uid, gid)) throw WharfException.Invalid($"{Text(_path.All)} belongs to {uid}:{gid}, and the daemon has no such numbers: give its user more of them in /etc/subuid and /etc/subgid");
    }

    /// <summary>
    /// Marks of overlayfs are the engine's own: an archive that sets them could make the kernel show other directories of the stack
    /// than the layers say (SECURITY invariant 7).
    /// </summary>
    private static bool IsAllowed(ReadOnlySpan<byte> name) => !OverlayMarks.IsMark(name);

    private void CheckXattr(int result, byte[] name)
    {
        // A file system without such attributes is no reason to refuse an image, nor are those that only the machine's root may set.
        if (result == -Errno.EOPNOTSUPP || result == -Errno.EPERM && UserNamespace.IsInner) LeftOut = LeftOut with { Xattrs = LeftOut.Xattrs + 1 };
        else FileAt.Check(result, "setxattr", name);
    }

    /// <summary>The member that stands for the root itself. A plain archive's says nothing about the directory it is extracted to.</summary>
    private void PlaceRoot(TarEntry entry)
    {
        if (_options.Layer is null || !entry.IsDirectory) return;
        _rootPlaced = true;
        SetMetadata(OpenParent([]), "."u8, entry);
        _directoryTimes.Add(([], entry.ModifiedSeconds, entry.ModifiedNanoseconds));
    }

    /// <summary>Directories get their times last: every file put into them changes these.</summary>
    private void SetDirectoryTimes()
    {
        foreach (var (path, seconds, nanoseconds) in _directoryTimes)
        {
            int fd = OpenBelow(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, Resolve.None);
            // A later member may have replaced the directory.
            if (fd is -Errno.ENOENT or -Errno.ENOTDIR or -Errno.ELOOP or -Errno.EXDEV) continue;
            using var directory = new Fd(FileAt.Check(fd, "openat2", path));
            FileAt.Check(FileAt.SetTimes(directory.Value, seconds, nanoseconds), "futimens", path);
        }
    }
}
