using System.Runtime.InteropServices;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>What statx(2) tells of a file. The layout is the kernel's <c>struct statx</c>, the same on every architecture.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
public readonly struct FileStat
{
    public const uint S_IFMT = 0xF000, S_IFSOCK = 0xC000, S_IFLNK = 0xA000, S_IFREG = 0x8000, S_IFBLK = 0x6000, S_IFDIR = 0x4000, S_IFCHR = 0x2000, S_IFIFO = 0x1000;
    public const uint S_ISUID = 0x800, S_ISGID = 0x400, S_ISVTX = 0x200;

    [FieldOffset(16)] public readonly uint Links;
    [FieldOffset(20)] public readonly uint Uid;
    [FieldOffset(24)] public readonly uint Gid;
    [FieldOffset(28)] private readonly ushort _mode;
    [FieldOffset(32)] public readonly ulong Inode;
    [FieldOffset(40)] public readonly long Size;
    /// <summary>Blocks of 512 bytes that the file takes on disk.</summary>
    [FieldOffset(48)] public readonly long Blocks;
    /// <summary>When the file, its data or its attributes last changed (ctime): unlike the time of its data, nobody can set it.</summary>
    [FieldOffset(96)] public readonly long ChangedSeconds;
    [FieldOffset(104)] public readonly uint ChangedNanoseconds;
    [FieldOffset(112)] public readonly long ModifiedSeconds;
    [FieldOffset(120)] public readonly uint ModifiedNanoseconds;
    [FieldOffset(128)] public readonly uint RdevMajor;
    [FieldOffset(132)] public readonly uint RdevMinor;
    [FieldOffset(136)] public readonly uint DeviceMajor;
    [FieldOffset(140)] public readonly uint DeviceMinor;
    /// <summary>Which mount the file was seen through; differs where something is mounted over it (Linux 5.8, else 0).</summary>
    [FieldOffset(144)] public readonly ulong MountId;

    /// <summary>Type and permission bits (inode(7)).</summary>
    public uint Mode => _mode;
    public uint Type => Mode & S_IFMT;
    public uint Permissions => Mode & ~S_IFMT;
    public bool IsDirectory => Type == S_IFDIR;
    public bool IsRegular => Type == S_IFREG;
    public bool IsSymlink => Type == S_IFLNK;
    public bool IsCharacterDevice => Type == S_IFCHR;
    /// <summary>What overlayfs leaves where a lower file was removed: a character device 0:0.</summary>
    public bool IsWhiteout => IsCharacterDevice && RdevMajor == 0 && RdevMinor == 0;

    public bool SameFile(in FileStat other) => Inode == other.Inode && SameDevice(other);

    /// <summary>Whether both lie on one file system, or in one subvolume of btrfs.</summary>
    public bool SameDevice(in FileStat other) => DeviceMajor == other.DeviceMajor && DeviceMinor == other.DeviceMinor;

    /// <summary>Of an open file, O_PATH ones included.</summary>
    public static FileStat Of(Fd file) => OfNumber(file.Value);

    /// <summary>Of a descriptor that is another's.</summary>
    public static FileStat OfNumber(int fd)
    {
        FileAt.Check(FileAt.Stat(fd, [], out var stat), "statx", []);
        return stat;
    }
}
