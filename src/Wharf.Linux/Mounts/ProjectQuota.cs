using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>
/// How much the files of a directory tree may hold (project quotas of ext4 and XFS, mounted with <c>prjquota</c>): a number marks the tree, the file
/// system counts what is marked (quotactl_fd(2), Linux 5.14).
/// </summary>
public static unsafe class ProjectQuota
{
    // Project quotas are the third kind; a command is shifted beside its kind (QCMD of linux/quota.h).
    private const int PRJQUOTA = 2, Q_GETQUOTA = 0x800007, Q_SETQUOTA = 0x800008, Q_GETINFO = 0x800005;
    private const uint QIF_BLIMITS = 1, FS_XFLAG_PROJINHERIT = 0x200;
    private const int BlockSize = 1024; // quotas count in these (QIF_DQBLKSIZE)
    private const uint FS_IOC_FSGETXATTR = 0x801C581F, FS_IOC_FSSETXATTR = 0x401C5820;

    [StructLayout(LayoutKind.Sequential)]
    internal struct DiskQuota
    {
        public ulong HardBlocks, SoftBlocks, Space, HardInodes, SoftInodes, Inodes, BlockTime, InodeTime;
        public uint Valid;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct FileAttributes
    {
        public uint Flags, ExtentSize, Extents, Project, CowExtentSize;
        public ulong Padding;
    }

    /// <summary>Whether the file system of a directory counts projects. False too where the kernel has no such call.</summary>
    public static bool IsOn(Fd directory)
    {
        ulong* info = stackalloc ulong[4];
        return Call(directory, Q_GETINFO, 0, info) && TryRead(directory, out _);
    }

    /// <summary>Whether a number marks nothing and has no limits.</summary>
    public static bool IsFree(Fd directory, uint project)
    {
        DiskQuota quota = default;
        // XFS knows nothing of a number that was never used, and says so with an error.
        return !Call(directory, Q_GETQUOTA, project, &quota) || quota is { Space: 0, Inodes: 0, HardBlocks: 0, SoftBlocks: 0 };
    }

    /// <summary>The number that marks a directory; 0 for none.</summary>
    public static uint ProjectOf(Fd directory) => TryRead(directory, out var attributes) ? attributes.Project : 0;

    /// <summary>Marks a directory, and with it all that is made in it from now on.</summary>
    public static void Mark(Fd directory, uint project, string path)
    {
        if (!TryRead(directory, out var attributes)) throw new SyscallException("ioctl FS_IOC_FSGETXATTR", Marshal.GetLastPInvokeError(), path);
        (attributes.Project, attributes.Flags) = (project, attributes.Flags | FS_XFLAG_PROJINHERIT);
        SyscallException.Check(Libc.ioctl(directory.Value, FS_IOC_FSSETXATTR, (nint)(&attributes)), "ioctl FS_IOC_FSSETXATTR", path);
    }

    /// <summary>Sets the most bytes that what is marked may hold; 0 for no limit.</summary>
    public static void Limit(Fd directory, uint project, long bytes, string path)
    {
        var quota = new DiskQuota { HardBlocks = (ulong)((bytes + BlockSize - 1) / BlockSize), SoftBlocks = (ulong)((bytes + BlockSize - 1) / BlockSize), Valid = QIF_BLIMITS };
        if (!Call(directory, Q_SETQUOTA, project, &quota)) throw new SyscallException("quotactl_fd", Marshal.GetLastPInvokeError(), path);
    }

    private static bool Call(Fd directory, int command, uint project, void* argument) =>
        Libc.syscall(SyscallNumber.quotactl_fd, directory.Value, command << 8 | PRJQUOTA, (nint)project, (nint)argument) == 0;

    private static bool TryRead(Fd directory, out FileAttributes attributes)
    {
        fixed (FileAttributes* place = &attributes)
        {
            *place = default;
            return Libc.ioctl(directory.Value, FS_IOC_FSGETXATTR, (nint)place) == 0;
        }
    }
}
