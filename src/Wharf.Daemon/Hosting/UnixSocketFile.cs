using System.Globalization;
using System.Net.Sockets;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>The unix sockets the daemon serves: mode 0660 from the first moment, and a stale one from a killed daemon replaced.</summary>
public static class UnixSocketFile
{
    /// <summary>Prepares the path: creates its directory, refuses one that a live process serves, removes one that nobody does.</summary>
    public static string Prepare(string host)
    {
        var path = host["unix://".Length..];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (!Path.Exists(path)) return path;
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            File.Delete(path);
            return path;
        }
        throw WharfException.Conflict($"can't create unix socket {path}: another process serves it");
    }

    /// <summary>Gives the socket its mode and group. Until then the umask in force kept others out.</summary>
    public static void SetAccess(string path, string? group)
    {
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        if (group is not null) Linux.Fds.FileOwner.SetGroup(path, GroupId(group));
    }

    private static uint GroupId(string group)
    {
        if (uint.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)) return number;
        foreach (var line in File.ReadLines("/etc/group"))
        {
            var fields = line.Split(':');
            if (fields.Length >= 3 && fields[0] == group && uint.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint id)) return id;
        }
        throw WharfException.Invalid($"invalid value \"{group}\" for option \"group\": no such group");
    }
}
