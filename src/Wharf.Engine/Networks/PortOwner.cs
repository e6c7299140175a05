using System.Globalization;

namespace Wharf.Engine.Networks;

/// <summary>Finds the program of the host that has a port, for the words of an error.</summary>
internal static class PortOwner
{
    // The state of a listening TCP socket, and of a UDP socket that is bound only (net/tcp_states.h).
    private const string TCP_LISTEN = "0A", TCP_CLOSE = "07";

    /// <summary><c>NAME (process PID)</c>, or null when it is none that can be seen from here.</summary>
    public static string? Find(int port, string protocol)
    {
        try
        {
            var sockets = (protocol == "udp" ? ["udp", "udp6"] : (ReadOnlySpan<string>)["tcp", "tcp6"]).ToArray().Select(table => "/proc/net/" + table).Where(File.Exists)
                .SelectMany(table => InodesOf(File.ReadLines(table), port, protocol == "udp" ? TCP_CLOSE : TCP_LISTEN)).Select(inode => $"socket:[{inode}]").ToHashSet(StringComparer.Ordinal);
            return sockets.Count == 0 ? null : Directory.EnumerateDirectories("/proc").Where(directory => char.IsAsciiDigit(Path.GetFileName(directory)[0])).Select(directory => Describe(directory, sockets)).FirstOrDefault(found => found is not null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException) { return null; } // the error itself is told without it
    }

    /// <summary>Inodes of the sockets with a local port and a state, of the lines of <c>/proc/net/tcp</c> and its like.</summary>
    internal static IEnumerable<string> InodesOf(IEnumerable<string> lines, int port, string state)
    {
        var ending = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        foreach (var line in lines)
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var local, _, var has, _, _, _, _, _, var inode, ..] && has == state && local.EndsWith(ending, StringComparison.Ordinal)) yield return inode;
    }

    private static string? Describe(string directory, HashSet<string> sockets)
    {
        try
        {
            return Directory.EnumerateFiles(directory + "/fd").Any(file => new FileInfo(file).LinkTarget is { } target && sockets.Contains(target))
                ? $"{File.ReadAllText(directory + "/comm").Trim()} (process {Path.GetFileName(directory)})" : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException) { return null; } // it ended a moment ago
    }
}
