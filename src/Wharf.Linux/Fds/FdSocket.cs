using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>Sends an open file over a unix socket (unix(7), SCM_RIGHTS).</summary>
public static unsafe partial class FdSocket
{
    private const int AF_UNIX = 1, SOCK_STREAM = 1, SOCK_CLOEXEC = 0x80000, SOL_SOCKET = 1, SCM_RIGHTS = 1, MaxPath = 107, MSG_NOSIGNAL = 0x4000;

    private struct IoVector { public byte* Base; public nuint Length; }
    private struct MessageHeader { public byte* Name; public uint NameLength; public IoVector* Vectors; public nuint Count; public byte* Control; public nuint ControlLength; public int Flags; }

    [LibraryImport("libc", SetLastError = true)] private static partial int socket(int domain, int type, int protocol);
    [LibraryImport("libc", SetLastError = true)] private static partial int connect(int socket, byte* address, uint length);
    [LibraryImport("libc", SetLastError = true)] private static partial nint sendmsg(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)] private static partial int socketpair(int domain, int type, int protocol, int* ends);
    [LibraryImport("libc", SetLastError = true)] private static partial nint recvmsg(int socket, MessageHeader* message, int flags);

    /// <summary>Receives one descriptor with whatever comes along (MSG_CMSG_CLOEXEC); the caller owns it.</summary>
    public static Fd Receive(int connection)
    {
        const int CloseOnExec = 0x40000000;
        var bytes = stackalloc byte[4096];
        var vector = new IoVector { Base = bytes, Length = 4096 };
        var control = stackalloc byte[24];
        new Span<byte>(control, 24).Clear();
        var message = new MessageHeader { Vectors = &vector, Count = 1, Control = control, ControlLength = 24 };
        SyscallException.Check((int)recvmsg(connection, &message, CloseOnExec), "recvmsg");
        if (message.ControlLength < 20 || *(int*)(control + 8) != SOL_SOCKET || *(int*)(control + 12) != SCM_RIGHTS) throw new IOException("no descriptor came over the socket");
        return new Fd(*(int*)(control + 16));
    }

    /// <summary>A connected pair of sockets that keeps messages apart (SOCK_SEQPACKET).</summary>
    public static (Fd Own, Fd Other) MessagePair()
    {
        const int SOCK_SEQPACKET = 5;
        var ends = stackalloc int[2];
        SyscallException.Check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
        return (new Fd(ends[0]), new Fd(ends[1]));
    }

    /// <summary>The next message, and the descriptor that came with it if one did; null when the other end has closed.</summary>
    public static byte[]? ReceiveMessage(Fd connection, out Fd? file)
    {
        const int Most = 64 << 10, CloseOnExec = 0x40000000;
        var bytes = new byte[Most];
        var control = stackalloc byte[24];
        new Span<byte>(control, 24).Clear();
        nint count;
        file = null;
        fixed (byte* start = bytes)
        {
            var vector = new IoVector { Base = start, Length = Most };
            var message = new MessageHeader { Vectors = &vector, Count = 1, Control = control, ControlLength = 24 };
            while ((count = recvmsg(connection.Value, &message, CloseOnExec)) < 0)
                if (Marshal.GetLastPInvokeError() is var errno and not Errno.EINTR) throw new SyscallException("recvmsg", errno);
            if (message.ControlLength >= 20 && *(int*)(control + 8) == SOL_SOCKET && *(int*)(control + 12) == SCM_RIGHTS) file = new Fd(*(int*)(control + 16));
        }
        return count == 0 ? null : bytes[..(int)count];
    }

    /// <summary>Sends one message.</summary>
    public static void SendMessage(Fd connection, ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            var vector = new IoVector { Base = bytes, Length = (nuint)data.Length };
            var message = new MessageHeader { Vectors = &vector, Count = 1 };
            SyscallException.Check(sendmsg(connection.Value, &message, MSG_NOSIGNAL), "sendmsg");
        }
    }

    /// <summary>Connects to the stream socket at <paramref name="path"/>.</summary>
    public static Fd Connect(string path)
    {
        var name = Encoding.UTF8.GetBytes(path);
        // A longer name does not fit the address: by way of the directory's descriptor.
        if (name.Length > MaxPath)
        {
            using var directory = OpenAt.Open(Path.GetDirectoryName(path)!, O.PATH | O.DIRECTORY);
            return Connect($"{directory.ProcPath}/{Path.GetFileName(path)}");
        }
        var connection = new Fd(SyscallException.Check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
        var address = stackalloc byte[110];
        new Span<byte>(address, 110).Clear();
        *(ushort*)address = AF_UNIX;
        name.CopyTo(new Span<byte>(address + 2, 108));
        if (connect(connection.Value, address, 110) == 0) return connection;
        int errno = Marshal.GetLastPInvokeError();
        connection.Dispose();
        throw new SyscallException("connect", errno, path);
    }

    /// <summary>Sends <paramref name="data"/> with one descriptor.</summary>
    public static void Send(Fd connection, ReadOnlySpan<byte> data, Fd file)
    {
        fixed (byte* bytes = data)
        {
            var vector = new IoVector { Base = bytes, Length = (nuint)data.Length };
            var control = stackalloc byte[24]; // struct cmsghdr: length 8, level 4, type 4; then the number
            new Span<byte>(control, 24).Clear();
            *(nuint*)control = 20;
            *(int*)(control + 8) = SOL_SOCKET;
            *(int*)(control + 12) = SCM_RIGHTS;
            *(int*)(control + 16) = file.Value;
            var message = new MessageHeader { Vectors = &vector, Count = 1, Control = control, ControlLength = 24 };
            SyscallException.Check(sendmsg(connection.Value, &message, MSG_NOSIGNAL), "sendmsg");
        }
    }
}
