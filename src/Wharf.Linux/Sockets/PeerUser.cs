using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Wharf.Linux.Sockets;

/// <summary>Who is at the other end of a unix socket (unix(7), SO_PEERCRED).</summary>
public static class PeerUser
{
    private const int SOL_SOCKET = 1, SO_PEERCRED = 17;

    /// <summary>The user who connected, or who serves it.</summary>
    public static uint Of(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12]; // struct ucred: pid, uid, gid
        socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, credentials);
        return MemoryMarshal.Read<uint>(credentials[4..]);
    }
}
