using System.Globalization;
using System.Runtime.InteropServices;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands;

/// <summary><c>kill</c>: sends a signal to the container's process, or to all.</summary>
internal sealed class KillCommand : RuntimeCommand
{
    private const int SIGKILL = 9, SIGTERM = 15, MostSignal = 64;

    private static readonly string[] Names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU",
        "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    public override string Name => "kill";
    public override string Summary => "send a signal (default: SIGTERM) to the container's process";
    public override string Usage => "<container-id> [signal]";
    public override (int Least, int Most) Count => (1, 2);
    public override IReadOnlyList<Flag> Flags => [Flag.Switch("all", "signal all processes of the container", "a")];

    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        int signal = arguments.Rest.Count > 1 ? NumberOf(arguments.Rest[1]) : SIGTERM;
        var cgroup = container.OpenCgroup();
        if (arguments.On("all"))
        {
            if (signal == SIGKILL) cgroup?.KillAll();
            else foreach (int pid in cgroup?.Pids() ?? []) _ = Libc.kill(pid, signal); // ESRCH: it ended by itself
            return 0;
        }
        using var init = container.OpenInit();
        if (init is null)
        {
            // Without a PID namespace of its own processes may have been left behind.
            if (signal != SIGKILL || cgroup is null || cgroup.Pids().Count == 0 || HasOwnPids(container)) throw new RuntimeException("container not running");
            cgroup.KillAll();
            return 0;
        }
        if (Libc.syscall(SyscallNumber.pidfd_send_signal, init.Value, signal) < 0)
            throw Marshal.GetLastPInvokeError() is var errno && errno == Errno.ESRCH ? new RuntimeException("container not running") : new SyscallException("kill", errno);
        // What is frozen takes its end only when it goes on; init's end is the others' only in a PID namespace.
        if (signal == SIGKILL && cgroup is { Exists: true, Frozen: true }) cgroup.Thaw();
        if (signal == SIGKILL && cgroup is not null && !HasOwnPids(container)) cgroup.KillAll();
        return 0;
    }

    private static bool HasOwnPids(Container container) => container.LoadSpec().Linux?.Namespaces?.Any(ns => ns is { Type: "pid", Path: null or "" }) == true;

    private static int NumberOf(string text)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= MostSignal) return number;
        var name = text.ToUpperInvariant();
        if (name.StartsWith("SIG", StringComparison.Ordinal)) name = name[3..];
        number = Array.IndexOf(Names, name);
        if (number > 0) return number;
        if (name.StartsWith("RTMIN", StringComparison.Ordinal) && RealTime(name[5..], 34, 1) is { } up) return up;
        if (name.StartsWith("RTMAX", StringComparison.Ordinal) && RealTime(name[5..], 64, -1) is { } down) return down;
        throw new RuntimeException($"unknown signal \"{text}\"");
    }

    private static int? RealTime(string offset, int start, int direction) =>
        offset.Length == 0 ? start : offset[0] == (direction > 0 ? '+' : '-') && int.TryParse(offset[1..], NumberStyles.None, CultureInfo.InvariantCulture, out int by) && by <= 30 ? start + direction * by : null;
}
