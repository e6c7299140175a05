using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>Subvolumes of btrfs: trees of files of which a snapshot can be taken, that shares all data until one of both is written to (linux/btrfs.h, btrfs-subvolume(8)).</summary>
public static unsafe class Subvolume
{
    private const uint BTRFS_IOC_SUBVOL_CREATE = 0x5000940e, BTRFS_IOC_SNAP_CREATE_V2 = 0x50009417, BTRFS_IOC_SNAP_DESTROY = 0x5000940f;
    private const uint BTRFS_IOC_SUBVOL_GETFLAGS = 0x80089419, BTRFS_IOC_SUBVOL_SETFLAGS = 0x4008941a, BTRFS_IOC_GET_SUBVOL_INFO = 0x81f8943c;
    private const ulong BTRFS_SUBVOL_RDONLY = 2, BTRFS_FIRST_FREE_OBJECTID = 256;
    private const int BTRFS_VOL_NAME_MAX = 255, BTRFS_UUID_SIZE = 16;

    [StructLayout(LayoutKind.Sequential)]
    internal struct NamedArguments
    {
        public long Fd;
        public fixed byte Name[4088];
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct SnapshotArguments
    {
        public long Fd;
        public ulong TransId, Flags;
        public fixed ulong Unused[4];
        public fixed byte Name[4040];
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Information
    {
        public ulong Id;
        public fixed byte Name[BTRFS_VOL_NAME_MAX + 1];
        public ulong ParentId, Directory, Generation, Flags;
        public fixed byte Uuid[BTRFS_UUID_SIZE], ParentUuid[BTRFS_UUID_SIZE], ReceivedUuid[BTRFS_UUID_SIZE];
        public fixed ulong Changes[20];
    }

    /// <summary>Whether a name in a directory is a subvolume: its root has a number that nothing else on btrfs has.</summary>
    public static bool IsOne(int directory, ReadOnlySpan<byte> name)
    {
        if (FileAt.Stat(directory, name, out var stat) < 0 || !stat.IsDirectory || stat.Inode != BTRFS_FIRST_FREE_OBJECTID) return false;
        int fd = FileAt.Open(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
        if (fd < 0) return false;
        using var root = new Fd(fd);
        return FileSystemType.IsBtrfs(root);
    }

    /// <summary>Makes an empty one. The directory is open for reading.</summary>
    public static void Create(Fd directory, ReadOnlySpan<byte> name)
    {
        NamedArguments arguments = default;
        Put(name, arguments.Name);
        SyscallException.Check(Libc.ioctl(directory.Value, BTRFS_IOC_SUBVOL_CREATE, (nint)(&arguments)), "ioctl BTRFS_IOC_SUBVOL_CREATE", FileAt.Text(name));
    }

    /// <summary>Makes one with all that <paramref name="source"/>, another's root, has. The directory is open for reading.</summary>
    public static void Snapshot(Fd source, Fd directory, ReadOnlySpan<byte> name)
    {
        SnapshotArguments arguments = new() { Fd = source.Value };
        Put(name, arguments.Name);
        SyscallException.Check(Libc.ioctl(directory.Value, BTRFS_IOC_SNAP_CREATE_V2, (nint)(&arguments)), "ioctl BTRFS_IOC_SNAP_CREATE_V2", FileAt.Text(name));
    }

    /// <summary>Whether one, given by its root, began as a snapshot of this other. False where the kernel does not tell (before Linux 4.18).</summary>
    public static bool IsSnapshotOf(Fd root, Fd source)
    {
        if (!TryRead(root, out var mine) || !TryRead(source, out var other)) return false;
        var uuid = new ReadOnlySpan<byte>(other.Uuid, BTRFS_UUID_SIZE);
        return uuid.ContainsAnyExcept((byte)0) && uuid.SequenceEqual(new ReadOnlySpan<byte>(mine.ParentUuid, BTRFS_UUID_SIZE));
    }

    private static bool TryRead(Fd root, out Information information)
    {
        fixed (Information* place = &information)
        {
            int result = FileAt.Result(Libc.ioctl(root.Value, BTRFS_IOC_GET_SUBVOL_INFO, (nint)place));
            if (result == -Errno.ENOTTY) return false;
            return FileAt.Check(result, "ioctl BTRFS_IOC_GET_SUBVOL_INFO", []) >= 0;
        }
    }

    /// <summary>Removes one with all its files at once. The negative error number where that cannot be: it has others in it (-ENOTEMPTY), or only root may (-EPERM).</summary>
    public static int Delete(int directory, ReadOnlySpan<byte> name)
    {
        NamedArguments arguments = default;
        Put(name, arguments.Name);
        return FileAt.Result(Libc.ioctl(directory, BTRFS_IOC_SNAP_DESTROY, (nint)(&arguments)));
    }

    /// <summary>Lets one be written to that is read-only.</summary>
    public static void MakeWritable(Fd root)
    {
        ulong flags;
        SyscallException.Check(Libc.ioctl(root.Value, BTRFS_IOC_SUBVOL_GETFLAGS, (nint)(&flags)), "ioctl BTRFS_IOC_SUBVOL_GETFLAGS");
        if ((flags & BTRFS_SUBVOL_RDONLY) == 0) return;
        flags &= ~BTRFS_SUBVOL_RDONLY;
        SyscallException.Check(Libc.ioctl(root.Value, BTRFS_IOC_SUBVOL_SETFLAGS, (nint)(&flags)), "ioctl BTRFS_IOC_SUBVOL_SETFLAGS");
    }

    private static void Put(ReadOnlySpan<byte> name, byte* place)
    {
        if (name.Length > BTRFS_VOL_NAME_MAX) throw new SyscallException("ioctl", Errno.ENAMETOOLONG, FileAt.Text(name));
        name.CopyTo(new Span<byte>(place, BTRFS_VOL_NAME_MAX));
    }
}
