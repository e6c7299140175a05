using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Wharf.Engine;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>
/// The namespaces of a daemon that an ordinary user starts. The daemon executes <c>wharf-runtime enter</c> in its place, which executes the daemon again as the
/// root of a user namespace, with mounts and a network of its own. A process holds them, so that a daemon started anew finds its containers in them.
/// </summary>
internal static unsafe partial class RootlessNamespaces
{
    /// <summary>Tells the daemon executed again that it is inside.</summary>
    private const string Variable = "WHARF_ROOTLESS";
    private const int SIGKILL = 9;

    [LibraryImport("libc", SetLastError = true)] private static partial int execve(byte* path, byte** arguments, byte** environment);

    /// <summary>Goes on inside. Returns where this is inside, else it does not.</summary>
    public static void Enter(DaemonOptions options, string[] args)
    {
        var state = options.RootlessState!;
        if (Environment.GetEnvironmentVariable(Variable) == state && UserNamespace.IsInner) return;
        if (Libc.geteuid() == 0) throw WharfException.Invalid("invalid value \"true\" for option \"rootless\": it is for a daemon that an ordinary user starts, and this is root");
        Directory.CreateDirectory(options.ExecRoot);
        var own = Environment.ProcessPath ?? throw new InvalidOperationException("no path of this program");
        string[] line = [options.RuntimePath, "enter", state, Directory.GetCurrentDirectory(), own, "daemon", .. args];
        var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().Where(entry => (string)entry.Key != Variable).Select(entry => $"{entry.Key}={entry.Value}");
        fixed (byte* path = Encoding.UTF8.GetBytes(options.RuntimePath + "\0")) _ = execve(path, Vector(line), Vector([.. environment, $"{Variable}={state}"]));
        throw new WharfException(ErrorKind.Internal, $"cannot execute {options.RuntimePath}: {new SyscallException("execve", Marshal.GetLastPInvokeError()).Message}");
    }

    /// <summary>Lets the namespaces go, and with them the network, when no container is in them.</summary>
    public static void Leave(DaemonOptions options)
    {
        var holder = Path.Combine(options.RootlessState!, "holder");
        // Locked by the holder, which .NET's own ways of reading would mind.
        if (int.TryParse(KernelFile.TryRead(holder, out _), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)) _ = Libc.kill(pid, SIGKILL); // ESRCH: it has gone by itself
        // The network's program hears of it at once; a daemon that is started next must not find it.
        for (int tries = 0; tries < 200 && IsServed(Path.Combine(options.RootlessState!, "slirp.sock")); tries++) Thread.Sleep(5);
    }

    private static bool IsServed(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try { socket.Connect(new UnixDomainSocketEndPoint(path)); }
        catch (SocketException) { return false; }
        return true;
    }

    // Never freed: the execve takes all memory along.
    private static byte** Vector(IReadOnlyList<string> texts)
    {
        var vector = (byte**)NativeMemory.AllocZeroed((nuint)(texts.Count + 1), (nuint)sizeof(nint));
        for (int i = 0; i < texts.Count; i++) vector[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
        return vector;
    }
}
