using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Shim;

/// <summary>Reading and writing descriptors that never block.</summary>
internal static unsafe partial class Io
{
    private const int F_GETFL = 3, F_SETFL = 4, F_DUPFD_CLOEXEC = 1030, SOCK_CLOEXEC = 0x80000, SOCK_NONBLOCK = 0x800, MSG_NOSIGNAL = 0x4000;

    /// <summary>Returned where nothing can be read or written now.</summary>
    public const int WouldBlock = -1;
    /// <summary>Returned at the end of a stream, or when its other end is gone.</summary>
    public const int Ended = 0;

    public static int Read(Fd fd, Span<byte> buffer)
    {
        while (true)
        {
            nint count;
            fixed (byte* at = buffer) count = Libc.read(fd.Value, at, (nuint)buffer.Length);
            if (count >= 0) return (int)count;
            int errno = Marshal.GetLastPInvokeError();
            if (errno == Errno.EAGAIN) return WouldBlock;
            // EIO: the last holder of a terminal's slave is gone. ECONNRESET: a client died.
            if (errno != Errno.EINTR) return Ended;
        }
    }

    /// <summary>As <see cref="Read"/>, of a unix socket: descriptors that come along are added to <paramref name="files"/>.</summary>
    public static int Receive(Fd socket, Span<byte> buffer, List<Fd> files)
    {
        while (true)
        {
            int count = FdSocket.Receive(socket, buffer, files);
            if (count >= 0) return count;
            if (count == -Errno.EAGAIN) return WouldBlock;
            if (count != -Errno.EINTR) return Ended; // ECONNRESET: a client died
        }
    }

    /// <summary>Writes what fits; 0 when the other end is gone.</summary>
    public static int Write(Fd fd, ReadOnlySpan<byte> data, bool socket)
    {
        while (true)
        {
            nint count;
            fixed (byte* at = data) count = socket ? send(fd.Value, at, (nuint)data.Length, MSG_NOSIGNAL) : Libc.write(fd.Value, at, (nuint)data.Length);
            if (count > 0) return (int)count;
            int errno = Marshal.GetLastPInvokeError();
            if (errno == Errno.EAGAIN) return WouldBlock;
            if (errno != Errno.EINTR) return Ended;
        }
    }

    [LibraryImport("libc", SetLastError = true)] private static partial nint send(int fd, byte* data, nuint length, int flags);
    [LibraryImport("libc", SetLastError = true)] private static partial int accept4(int fd, void* address, void* length, int flags);

    /// <summary>The next waiting connection, or null.</summary>
    public static Fd? Accept(int listener)
    {
        int fd = accept4(listener, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
        return fd < 0 ? null : new Fd(fd);
    }

    /// <summary>A pipe; both ends close-on-exec and above 2, so that they can be given to a launch.</summary>
    public static (Fd Reader, Fd Writer) Pipe()
    {
        var ends = stackalloc int[2];
        SyscallException.Check(Libc.pipe2(ends, O.CLOEXEC), "pipe2");
        return (AboveStreams(ends[0]), AboveStreams(ends[1]));
    }

    public static Fd AboveStreams(int fd)
    {
        if (fd > 2) return new Fd(fd);
        using var low = new Fd(fd);
        return new Fd(SyscallException.Check(Libc.fcntl(fd, F_DUPFD_CLOEXEC, 3), "fcntl F_DUPFD_CLOEXEC"));
    }

    public static Fd Duplicate(Fd fd, int lowest = 3) => new(SyscallException.Check(Libc.fcntl(fd.Value, F_DUPFD_CLOEXEC, lowest), "fcntl F_DUPFD_CLOEXEC"));

    public static void SetNonBlocking(Fd fd)
    {
        int flags = SyscallException.Check(Libc.fcntl(fd.Value, F_GETFL, 0), "fcntl F_GETFL");
        SyscallException.Check(Libc.fcntl(fd.Value, F_SETFL, flags | O.NONBLOCK), "fcntl F_SETFL");
    }
}
