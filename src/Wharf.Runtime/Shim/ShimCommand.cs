using System.Net.Sockets;
using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Shim;

/// <summary>
/// <c>wharf-runtime shim --root DIR</c>: serves DIR/shim.sock until told to shut down. Prints <c>ready</c> once it serves, then lets go of
/// its standard streams; messages go to DIR/shim.log.
/// </summary>
internal static partial class ShimCommand
{
    private const int LOCK_EX = 2, LOCK_NB = 4, PR_SET_DUMPABLE = 4, SIGHUP = 1, SIGPIPE = 13;

    [LibraryImport("libc", SetLastError = true)] private static partial int setsid();
    [LibraryImport("libc")] private static partial nint signal(int number, nint handler);

    public static int Run(IReadOnlyList<string> args)
    {
        if (args is not ["--root", var root])
        {
            Console.Error.WriteLine("usage: wharf-runtime shim --root DIR");
            return 2;
        }
        Linux.Memory.ResidentMemory.LimitNativeHeaps();
        Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var only = OpenAt.Open(Path.Combine(root, "shim.lock"), O.RDWR | O.CREAT, 0b110_000_000);
        if (Libc.flock(only.Value, LOCK_EX | LOCK_NB) < 0)
        {
            Console.Error.WriteLine($"wharf-runtime: another shim serves {root}");
            return 1;
        }
        Detach();
        var path = Path.Combine(root, "shim.sock");
        File.Delete(path);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Linux.Fds.FileMode.SetUmask(0b001_111_111);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        Linux.Fds.FileMode.SetUmask(0b000_010_010);
        listener.Listen(128);
        var server = new ShimServer(root, listener);
        Console.Out.WriteLine("ready");
        Console.Out.Flush();
        LeaveStreams(Path.Combine(root, "shim.log"));
        server.Run();
        File.Delete(path);
        return 0;
    }

    private static void Detach()
    {
        // The daemon's session, terminal and death are not the shim's.
        _ = setsid(); // EPERM: it leads a session already
        _ = signal(SIGHUP, 1);
        _ = signal(SIGPIPE, 1);
        // No process of a container may trace the shim or read its memory and descriptors (CVE-2016-9962).
        SyscallException.Check(Libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl PR_SET_DUMPABLE");
        Directory.SetCurrentDirectory("/");
    }

    private static void LeaveStreams(string log)
    {
        using var nothing = OpenAt.Open("/dev/null", O.RDWR);
        using var messages = OpenAt.Open(log, O.WRONLY | O.CREAT | O.APPEND, 0b110_000_000);
        SyscallException.Check(Libc.dup3(nothing.Value, 0, 0), "dup3");
        SyscallException.Check(Libc.dup3(nothing.Value, 1, 0), "dup3");
        SyscallException.Check(Libc.dup3(messages.Value, 2, 0), "dup3");
    }
}
