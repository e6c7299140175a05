using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Oci;

/// <summary>Reads small regular files of a container's root, jailed by the kernel and bounded; never opens a FIFO or device (CVE-2024-9676).</summary>
internal static class RootReader
{
    /// <summary>The file's bytes; empty when it is not there. InvalidArgument when it is not a regular file or too large.</summary>
    public static byte[] Read(Fd root, string path, long limit)
    {
        using var located = OpenAt.TryInRoot(root, path, O.PATH, 0, Resolve.None, out int errno);
        if (located is null)
        {
            if (errno is Errno.ENOENT or Errno.ENOTDIR) return [];
            throw new SyscallException("openat2", errno, path);
        }
        var facts = FileFacts.Of(located);
        if (!facts.IsRegular) throw WharfException.Invalid($"{path} of the image is not a regular file");
        if (facts.Size > limit) throw WharfException.Invalid($"{path} of the image is larger than {limit} bytes");
        // The descriptor just checked is what is opened for reading, not the name again.
        using var opened = OpenAt.Open(located.ProcPath, O.RDONLY | O.NONBLOCK | O.NOCTTY);
        using var handle = new SafeFileHandle(opened.Release(), ownsHandle: true);
        var buffer = new byte[facts.Size];
        int total = 0, count;
        while (total < buffer.Length && (count = RandomAccess.Read(handle, buffer.AsSpan(total), total)) > 0) total += count;
        return total == buffer.Length ? buffer : buffer[..total];
    }
}

/// <summary>What statx(2) tells of a file.</summary>
internal readonly record struct FileFacts(uint Mode, uint Uid, uint Gid, long Size, uint DeviceMajor, uint DeviceMinor)
{
    private const uint S_IFMT = 0xF000, S_IFREG = 0x8000, S_IFDIR = 0x4000, S_IFCHR = 0x2000, S_IFBLK = 0x6000, S_IFIFO = 0x1000;
    private const int STATX_BASIC_STATS = 0x7ff;

    public bool IsRegular => (Mode & S_IFMT) == S_IFREG;
    public bool IsDirectory => (Mode & S_IFMT) == S_IFDIR;
    public bool IsCharacterDevice => (Mode & S_IFMT) == S_IFCHR;
    public bool IsBlockDevice => (Mode & S_IFMT) == S_IFBLK;
    public bool IsFifo => (Mode & S_IFMT) == S_IFIFO;

    public static FileFacts Of(Fd file)
    {
        int errno = Call(file.Value, "", OpenAt.AT_EMPTY_PATH, out var facts);
        return errno == 0 ? facts : throw new SyscallException("statx", errno);
    }

    /// <summary>Of a path of the host, following symbolic links or not; null with the error number when it cannot be told.</summary>
    public static FileFacts? TryOf(string path, bool follow, out int errno)
    {
        errno = Call(OpenAt.AT_FDCWD, path, follow ? 0 : OpenAt.AT_SYMLINK_NOFOLLOW, out var facts);
        return errno == 0 ? facts : null;
    }

    private static unsafe int Call(int directory, string path, int flags, out FileFacts facts)
    {
        StatxBuffer buffer = default;
        facts = default;
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            if (Libc.syscall(SyscallNumber.statx, directory, (nint)name, flags, STATX_BASIC_STATS, (nint)(&buffer)) < 0) return Marshal.GetLastPInvokeError();
        }
        facts = new FileFacts(buffer.Mode, buffer.Uid, buffer.Gid, (long)buffer.Size, buffer.RdevMajor, buffer.RdevMinor);
        return 0;
    }

    /// <summary>struct statx of linux/stat.h, as far as it is used here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatxBuffer
    {
        [FieldOffset(20)] public uint Uid;
        [FieldOffset(24)] public uint Gid;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(128)] public uint RdevMajor;
        [FieldOffset(132)] public uint RdevMinor;
    }
}
