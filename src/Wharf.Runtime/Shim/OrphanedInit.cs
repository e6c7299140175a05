using System.Globalization;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Shim;

/// <summary>Finds the process of a container without a cgroup whose shim has died: by its number, which may be another process's by now.</summary>
internal static class OrphanedInit
{
    private static readonly TimeSpan _launch = TimeSpan.FromSeconds(10);

    /// <summary>The process, where it is still the one that was written down: alone the first of a PID namespace below ours, and started when the container was.</summary>
    public static Fd? Find(ShimRecord record)
    {
        if (record.Pid == 0 || record.ExitedAt is not null) return null;
        nint opened = Libc.syscall(SyscallNumber.pidfd_open, record.Pid, 0);
        if (opened < 0) return null; // it has ended
        var process = new Fd((int)opened);
        // Looked at through its number, which cannot become another's while the descriptor is open and it lives.
        if (IsFirst(record.Pid) && StartOf(record.Pid) is { } start && record.StartedAt - start is var age && age > -_launch && age < _launch) return process;
        process.Dispose();
        return null;
    }

    private static bool IsFirst(int pid) =>
        Lines(pid, "status").FirstOrDefault(static line => line.StartsWith("NSpid:", StringComparison.Ordinal))?.Split('\t') is [_, _, .., "1"];

    // Since boot, in hundredths of a second: field 22, counted behind the name, which may have spaces in it.
    private static DateTimeOffset? StartOf(int pid)
    {
        if (Lines(pid, "stat") is not [var stat, ..]) return null;
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        var sinceBoot = TimeSpan.FromMilliseconds(10L * long.Parse(fields[19], CultureInfo.InvariantCulture));
        return DateTimeOffset.UtcNow - TimeSpan.FromMilliseconds(Environment.TickCount64) + sinceBoot;
    }

    private static string[] Lines(int pid, string file) => KernelFile.TryRead($"/proc/{pid}/{file}", out _)?.Split('\n') ?? [];
}
