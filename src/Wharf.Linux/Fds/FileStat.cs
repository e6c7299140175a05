using System.Runtime.InteropServices;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>What statx(2) tells of a file, in a layout that is the same on every architecture.</summary>
public readonly record struct FileStat(uint Mode, uint Uid, uint Gid, ulong Inode, long Size, uint Links, uint DeviceMajor, uint DeviceMinor, uint RdevMajor, uint RdevMinor)
{
    public const uint S_IFMT = 0xF000, S_IFSOCK = 0xC000, S_IFLNK = 0xA000, S_IFREG = 0x8000, S_IFBLK = 0x6000, S_IFDIR = 0x4000, S_IFCHR = 0x2000, S_IFIFO = 0x1000;

    public bool IsDirectory => (Mode & S_IFMT) == S_IFDIR;
    public bool IsRegular => (Mode & S_IFMT) == S_IFREG;
    public bool IsSymlink => (Mode & S_IFMT) == S_IFLNK;
    public bool IsCharacterDevice => (Mode & S_IFMT) == S_IFCHR;

    private const uint STATX_BASIC_STATS = 0x7ff;

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Statx
    {
        public uint Mask, BlockSize;
        public ulong Attributes;
        public uint Links, Uid, Gid;
        public ushort Mode, Spare;
        public ulong Inode, Size, Blocks, AttributesMask;
        public fixed ulong Times[8];
        public uint RdevMajor, RdevMinor, DevMajor, DevMinor;
        public fixed ulong Rest[14];
    }

    /// <summary>Of an open file, O_PATH ones included.</summary>
    public static unsafe FileStat Of(Fd file)
    {
        Statx stat;
        byte empty = 0;
        SyscallException.Check(Libc.syscall(SyscallNumber.statx, file.Value, (nint)(&empty), OpenAt.AT_EMPTY_PATH, (nint)STATX_BASIC_STATS, (nint)(&stat)), "statx");
        return new FileStat(stat.Mode, stat.Uid, stat.Gid, stat.Inode, (long)stat.Size, stat.Links, stat.DevMajor, stat.DevMinor, stat.RdevMajor, stat.RdevMinor);
    }
}
