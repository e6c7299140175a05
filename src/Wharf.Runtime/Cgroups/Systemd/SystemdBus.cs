using System.Net.Sockets;
using Wharf.Linux.DBus;

namespace Wharf.Runtime.Cgroups.Systemd;

/// <summary>The way to systemd: its private socket, which is root's and needs no bus daemon, or else the system bus.</summary>
internal static class SystemdBus
{
    private const string PrivateSocket = "/run/systemd/private";

    public static DBusConnection Open(TimeSpan patience)
    {
        Exception? first = null;
        foreach (var (path, bus) in (ReadOnlySpan<(string, bool)>)[(PrivateSocket, false), (DBusConnection.SystemBus, true)])
        {
            try { return DBusConnection.Open(path, bus, patience); }
            catch (Exception error) when (error is SocketException or IOException) { first ??= error; }
        }
        throw new CgroupException("systemd", $"cannot connect to systemd: {first!.Message}", 0, first);
    }
}
