using System.Net.Sockets;
using System.Text;

namespace Wharf.Daemon.Hosting;

/// <summary>Tells systemd how far the daemon is (sd_notify(3)); does nothing when no one asked to be told.</summary>
internal static class ServiceNotice
{
    public static void Send(string state)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not { Length: > 1 } address) return;
        // An address that starts with @ is in the abstract namespace, where the first byte is zero.
        var path = address[0] == '@' ? "\0" + address[1..] : address;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.SendTo(Encoding.UTF8.GetBytes(state), new UnixDomainSocketEndPoint(path));
    }
}
