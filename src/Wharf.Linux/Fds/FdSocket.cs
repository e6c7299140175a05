using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>Sends open files over a unix socket (unix(7), SCM_RIGHTS).</summary>
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

    /// <summary>Reads what is there into <paramref name="buffer"/>, and adds descriptors that come along (at most four) to <paramref name="files"/>; the count of bytes, 0 at the end, or -errno.</summary>
    public static int Receive(Fd connection, Span<byte> buffer, List<Fd> files)
    {
        const int CloseOnExec = 0x40000000, Head = 16, Most = 4;
        var control = stackalloc byte[Head + Most * sizeof(int)];
        fixed (byte* start = buffer)
        {
            var vector = new IoVector { Base = start, Length = (nuint)buffer.Length };
            var message = new MessageHeader { Vectors = &vector, Count = 1, Control = control, ControlLength = Head + Most * sizeof(int) };
            nint count = recvmsg(connection.Value, &message, CloseOnExec);
            if (count < 0) return -Marshal.GetLastPInvokeError();
            if (message.ControlLength >= Head && *(int*)(control + 8) == SOL_SOCKET && *(int*)(control + 12) == SCM_RIGHTS)
                for (nuint at = Head; at + sizeof(int) <= *(nuint*)control; at += sizeof(int)) files.Add(new Fd(*(int*)(control + at)));
            return (int)count;
        }
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

    /// <summary>Sends <paramref name="data"/> with descriptors.</summary>
    public static void Send(int connection, ReadOnlySpan<byte> data, params ReadOnlySpan<Fd> files)
    {
        const int Head = 16;
        fixed (byte* bytes = data)
        {
            var vector = new IoVector { Base = bytes, Length = (nuint)data.Length };
            int room = Head + (files.Length * sizeof(int) + 7) / 8 * 8;
            var control = stackalloc byte[room]; // struct cmsghdr: length 8, level 4, type 4; then the numbers
            new Span<byte>(control, room).Clear();
            *(nuint*)control = (nuint)(Head + files.Length * sizeof(int));
            *(int*)(control + 8) = SOL_SOCKET;
            *(int*)(control + 12) = SCM_RIGHTS;
            for (int i = 0; i < files.Length; i++) ((int*)(control + Head))[i] = files[i].Value;
            var message = new MessageHeader { Vectors = &vector, Count = 1, Control = control, ControlLength = (nuint)room };
            SyscallException.Check(sendmsg(connection, &message, MSG_NOSIGNAL), "sendmsg");
        }
    }
}
