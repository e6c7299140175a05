using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>
/// Reading the small files that the kernel makes (/proc, /sys, cgroups): with a stream and its buffers each would cost a dozen pages of fresh memory,
/// which is what a short-lived program pays most for.
/// </summary>
public static unsafe class KernelFile
{
    private const int MostAtOnce = 4096;

    /// <summary>The whole content; throws a <see cref="SyscallException"/> when it cannot be read.</summary>
    public static string Read(string path) => TryRead(path, out int errno) ?? throw new SyscallException("read", errno, path);

    /// <summary>The whole content, or null and the error number.</summary>
    public static string? TryRead(string path, out int errno)
    {
        int fd = Libc.openat(OpenAt.AT_FDCWD, path, O.RDONLY | O.CLOEXEC, 0);
        errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (fd < 0) return null;
        using var file = new Fd(fd);
        var buffer = stackalloc byte[MostAtOnce];
        int length = ReadAll(fd, buffer, MostAtOnce, out errno);
        if (errno != 0) return null;
        if (length < MostAtOnce) return Encoding.UTF8.GetString(buffer, length);
        var all = new MemoryStream(MostAtOnce * 4);
        do
        {
            all.Write(new ReadOnlySpan<byte>(buffer, length));
            length = ReadAll(fd, buffer, MostAtOnce, out errno);
            if (errno != 0) return null;
        }
        while (length > 0);
        return Encoding.UTF8.GetString(all.GetBuffer(), 0, (int)all.Length);
    }

    /// <summary>The lines of a file, without a last empty one.</summary>
    public static string[] ReadLines(string path)
    {
        var text = Read(path);
        return text.Length == 0 ? [] : text.TrimEnd('\n').Split('\n');
    }

    // Until the buffer is full or the file at its end: the kernel may give such files piece by piece.
    private static int ReadAll(int fd, byte* buffer, int room, out int errno)
    {
        int length = 0;
        errno = 0;
        while (length < room)
        {
            nint count = Libc.read(fd, buffer + length, (nuint)(room - length));
            if (count == 0) break;
            if (count > 0) length += (int)count;
            else if (Marshal.GetLastPInvokeError() is var error && error != Errno.EINTR)
            {
                errno = error;
                return length;
            }
        }
        return length;
    }
}
