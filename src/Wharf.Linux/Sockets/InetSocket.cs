using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Sockets;

/// <summary>Sockets that never block, of the calling thread's network namespace; they stay there whichever thread uses them afterwards.</summary>
public static unsafe partial class InetSocket
{
    public const int WouldBlock = -1, Failed = -2, AddressSize = 28;
    private const int AF_INET = 2, AF_INET6 = 10, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_NONBLOCK = 0x800, SOCK_CLOEXEC = 0x80000, MSG_NOSIGNAL = 0x4000, SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_ERROR = 4;

    [LibraryImport("libc", SetLastError = true)] private static partial int socket(int domain, int type, int protocol);
    [LibraryImport("libc", SetLastError = true)] private static partial int bind(int fd, byte* address, int length);
    [LibraryImport("libc", SetLastError = true)] private static partial int listen(int fd, int backlog);
    [LibraryImport("libc", SetLastError = true)] private static partial int connect(int fd, byte* address, int length);
    [LibraryImport("libc", SetLastError = true)] private static partial int accept4(int fd, byte* address, int* length, int flags);
    [LibraryImport("libc", SetLastError = true)] private static partial nint recvfrom(int fd, byte* data, nuint length, int flags, byte* address, int* addressLength);
    [LibraryImport("libc", SetLastError = true)] private static partial nint sendto(int fd, byte* data, nuint length, int flags, byte* address, int addressLength);
    [LibraryImport("libc", SetLastError = true)] private static partial int setsockopt(int fd, int level, int name, int* value, int length);
    [LibraryImport("libc", SetLastError = true)] private static partial int getsockopt(int fd, int level, int name, int* value, int* length);

    public static Fd BindUdp(IPEndPoint local) => Bound(local, SOCK_DGRAM);

    public static Fd ListenTcp(IPEndPoint local, int backlog)
    {
        var fd = Bound(local, SOCK_STREAM);
        try
        {
            SyscallException.Check(listen(fd.Value, backlog), "listen", local.ToString());
            return fd;
        }
        catch
        {
            fd.Dispose();
            throw;
        }
    }

    private static Fd Bound(IPEndPoint local, int type)
    {
        var fd = New(local, type);
        try
        {
            if (type == SOCK_STREAM)
            {
                int on = 1;
                SyscallException.Check(setsockopt(fd.Value, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(int)), "setsockopt SO_REUSEADDR");
            }
            byte* address = stackalloc byte[AddressSize];
            SyscallException.Check(bind(fd.Value, address, Write(local, address)), "bind", local.ToString());
            return fd;
        }
        catch
        {
            fd.Dispose();
            throw;
        }
    }

    /// <summary>A datagram socket that takes only what comes from <paramref name="remote"/>.</summary>
    public static Fd ConnectUdp(IPEndPoint remote) => Connect(remote, SOCK_DGRAM);

    /// <summary>A connection under way: writable when it is there or has failed (<see cref="ErrorOf"/>).</summary>
    public static Fd ConnectTcp(IPEndPoint remote) => Connect(remote, SOCK_STREAM);

    private static Fd Connect(IPEndPoint remote, int type)
    {
        var fd = New(remote, type);
        try
        {
            byte* address = stackalloc byte[AddressSize];
            int result = connect(fd.Value, address, Write(remote, address));
            if (result < 0 && Marshal.GetLastPInvokeError() is var errno and not Errno.EINPROGRESS) throw new SyscallException("connect", errno, remote.ToString());
            return fd;
        }
        catch
        {
            fd.Dispose();
            throw;
        }
    }

    private static Fd New(IPEndPoint point, int type) => new(SyscallException.Check(socket(point.AddressFamily == AddressFamily.InterNetworkV6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));

    // struct sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)).
    private static int Write(IPEndPoint point, byte* to)
    {
        bool v6 = point.AddressFamily == AddressFamily.InterNetworkV6;
        var span = new Span<byte>(to, AddressSize);
        span.Clear();
        *(ushort*)to = (ushort)(v6 ? AF_INET6 : AF_INET);
        BinaryPrimitives.WriteUInt16BigEndian(span[2..], (ushort)point.Port);
        point.Address.TryWriteBytes(span[(v6 ? 8 : 4)..], out _);
        if (v6) BinaryPrimitives.WriteUInt32LittleEndian(span[24..], (uint)point.Address.ScopeId);
        return v6 ? AddressSize : 16;
    }

    public static Fd? Accept(Fd listener)
    {
        int fd = accept4(listener.Value, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
        return fd < 0 ? null : new Fd(fd);
    }

    /// <summary>Bytes received with their sender's address; <see cref="WouldBlock"/>, or <see cref="Failed"/> for an error the network reported.</summary>
    public static int ReceiveFrom(Fd fd, Span<byte> buffer, Span<byte> sender, out int senderLength)
    {
        int length = AddressSize;
        nint count;
        fixed (byte* data = buffer) fixed (byte* address = sender) count = recvfrom(fd.Value, data, (nuint)buffer.Length, 0, address, &length);
        senderLength = length;
        return Result(count);
    }

    public static int Receive(Fd fd, Span<byte> buffer)
    {
        nint count;
        fixed (byte* data = buffer) count = recvfrom(fd.Value, data, (nuint)buffer.Length, 0, null, null);
        return Result(count);
    }

    public static int SendTo(Fd fd, ReadOnlySpan<byte> data, ReadOnlySpan<byte> to)
    {
        nint count;
        fixed (byte* bytes = data) fixed (byte* address = to) count = sendto(fd.Value, bytes, (nuint)data.Length, MSG_NOSIGNAL, address, to.Length);
        return Result(count);
    }

    public static int Send(Fd fd, ReadOnlySpan<byte> data)
    {
        nint count;
        fixed (byte* bytes = data) count = sendto(fd.Value, bytes, (nuint)data.Length, MSG_NOSIGNAL, null, 0);
        return Result(count);
    }

    /// <summary>The error a connection under way ended with; 0 for none.</summary>
    public static int ErrorOf(Fd fd)
    {
        int error = 0, length = sizeof(int);
        return getsockopt(fd.Value, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? Marshal.GetLastPInvokeError() : error;
    }

    private static int Result(nint count) => count >= 0 ? (int)count : Marshal.GetLastPInvokeError() is Errno.EAGAIN or Errno.EINTR ? WouldBlock : Failed;
}
