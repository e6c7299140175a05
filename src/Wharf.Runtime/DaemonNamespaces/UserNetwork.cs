using System.Diagnostics;
using System.Globalization;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Runtime.DaemonNamespaces;

/// <summary>
/// The way out of a network namespace that an ordinary user made: slirp4netns(1), which speaks TCP and UDP for it with sockets of the user's. It ends
/// with the namespaces' holder. Its socket DIR/slirp.sock takes requests to listen on ports outside.
/// </summary>
internal static class UserNetwork
{
    private const string Program = "slirp4netns", Interface = "tap0";
    private const int F_SETFD = 2, Patience = 15_000;

    /// <summary>Starts it for the namespaces of a process, once that is on its way, and returns when the network is there.</summary>
    public static void Start(string state, int pid, Action go, EndOfHolder end)
    {
        using var ready = new EndOfHolder(); // the same: one end told when the other is written to or gone
        foreach (var file in (ReadOnlySpan<Fd>)[end.Told, ready.Kept]) SyscallException.Check(Libc.fcntl(file.Value, F_SETFD, 0), "fcntl F_SETFD");
        var socket = Path.Combine(state, "slirp.sock");
        File.Delete(socket);
        // Apart from the terminal's signals, and with a file to write to that stays when this program executes another.
        var log = Path.Combine(state, "slirp.log");
        var start = new ProcessStartInfo("/bin/sh",
        [
            "-c", "exec setsid \"$@\" < /dev/null > \"$0\" 2>&1", log, Program, "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox", "--enable-seccomp", Invariant($"--exit-fd={end.Told.Value}"), Invariant($"--ready-fd={ready.Kept.Value}"),
            $"--api-socket={socket}", Invariant($"{pid}"), Interface,
        ]);
        go();
        using var process = Process.Start(start)!;
        ready.Kept.Dispose();
        if (FdPoll.Readable(ready.Told, Patience) && IsReady(ready.Told)) return;
        process.Kill();
        process.WaitForExit();
        throw WharfException.Invalid($"{Program}, which a daemon of a user who is not root needs for its network, has not made one: {File.ReadAllText(log).Trim()}");
    }

    private static unsafe bool IsReady(Fd told)
    {
        byte said;
        return Libc.read(told.Value, &said, 1) == 1;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
