using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>How much the other end of a unix socket has been sent and not read yet (SIOCOUTQ; unix(7), tcp(7)).</summary>
public static unsafe class UnreadBytes
{
    private const nuint SIOCOUTQ = 0x5411;

    /// <summary>Memory that unread bytes take; 0 when all is read, or when the socket cannot tell.</summary>
    public static int Of(nint socket)
    {
        int amount = 0;
        return Libc.ioctl((int)socket, SIOCOUTQ, (nint)(&amount)) == 0 ? amount : 0;
    }
}
