using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Wharf.Benchmarks;

/// <summary>Memory of an engine: the proportional set size of its processes, containers' own processes left out.</summary>
public static class Memory
{
    /// <summary>MiB of the process that serves the socket, its descendants, and processes whose command line names <paramref name="mark"/>.</summary>
    public static double PssMiB(string host, string? mark)
    {
        int root = PeerPid(host["unix://".Length..]);
        var parents = new Dictionary<int, int>();
        var pids = new HashSet<int> { root };
        string pidNamespace = Namespace(Environment.ProcessId);
        foreach (var pid in Processes())
        {
            try
            {
                parents[pid] = ParentOf(pid);
                if (mark is not null && File.ReadAllText($"/proc/{pid}/cmdline").Contains(mark, StringComparison.Ordinal) && pid != Environment.ProcessId) pids.Add(pid);
            }
            catch (IOException) { /* it ended while we looked */ }
        }
        bool grew = true;
        while (grew)
        {
            grew = false;
            foreach (var (pid, parent) in parents) if (pids.Contains(parent) && pids.Add(pid)) grew = true;
        }
        double total = 0;
        foreach (var pid in pids)
        {
            try { if (Namespace(pid) == pidNamespace) total += PssOf(pid); }
            catch (IOException) { /* it ended while we looked */ }
        }
        return total / 1024;
    }

    private static IEnumerable<int> Processes() =>
        Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => char.IsAsciiDigit(name![0])).Select(name => int.Parse(name!, CultureInfo.InvariantCulture));

    private static string Namespace(int pid) => File.ResolveLinkTarget($"/proc/{pid}/ns/pid", false)?.Name ?? "";

    private static int ParentOf(int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private static double PssOf(int pid) => double.Parse(File.ReadLines($"/proc/{pid}/smaps_rollup").First(line => line.StartsWith("Pss:", StringComparison.Ordinal))
        .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    private static int PeerPid(string path)
    {
        const int SOL_SOCKET = 1, SO_PEERCRED = 17;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        Span<byte> credentials = stackalloc byte[12];
        socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, credentials);
        return MemoryMarshal.Read<int>(credentials);
    }
}
