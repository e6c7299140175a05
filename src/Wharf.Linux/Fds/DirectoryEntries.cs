using System.Buffers;
using System.Runtime.InteropServices;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>Reads a directory's names as bytes.</summary>
public static unsafe class DirectoryEntries
{
    // struct linux_dirent64: d_ino 8, d_off 8, d_reclen 2, d_type 1, d_name.
    private const int ReclenOffset = 16, NameOffset = 19;

    /// <summary>All names but <c>.</c> and <c>..</c>, sorted by bytes; none of a directory that was removed since it was opened.</summary>
    public static List<byte[]> Read(int fd)
    {
        // Without this btrfs shows only what was there when the directory was opened.
        SyscallException.Check((nint)Libc.lseek(fd, 0, 0), "lseek");
        var names = new List<byte[]>();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(32768);
        try
        {
            while (true)
            {
                nint size;
                fixed (byte* data = buffer) size = Libc.getdents64(fd, data, (nuint)buffer.Length);
                if (size == 0 || (size < 0 && Marshal.GetLastPInvokeError() == Errno.ENOENT)) break;
                SyscallException.Check(size, "getdents64");
                for (int at = 0; at < size;)
                {
                    int length = MemoryMarshal.Read<ushort>(buffer.AsSpan(at + ReclenOffset));
                    var name = buffer.AsSpan(at + NameOffset, length - NameOffset);
                    name = name[..name.IndexOf((byte)0)];
                    if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8)) names.Add(name.ToArray());
                    at += length;
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        names.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return names;
    }
}
