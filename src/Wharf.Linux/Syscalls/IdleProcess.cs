using System.Runtime.InteropServices;

namespace Wharf.Linux.Syscalls;

/// <summary>What a process says of itself that has time: others go first, and its own time has an end.</summary>
public static unsafe partial class IdleProcess
{
    private const int SCHED_IDLE = 5, RLIMIT_CPU = 0, PRIO_PROCESS = 0, Nicest = 19;

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public ulong Current, Maximum;
    }

    [LibraryImport("libc", SetLastError = true)] private static partial int sched_setscheduler(int pid, int policy, int* priority);
    [LibraryImport("libc", SetLastError = true)] private static partial int setpriority(int which, uint who, int priority);
    [LibraryImport("libc", EntryPoint = "prlimit64", SetLastError = true)] private static partial int prlimit64(int pid, int resource, ResourceLimit* set, ResourceLimit* get);

    /// <summary>
    /// From here on the calling thread, and those it makes, run when no one else wants to, on the disk too (sched(7), SCHED_IDLE), and the process is
    /// ended by the kernel after so many seconds of processor time. Both only lower what the process may.
    /// </summary>
    public static void Become(int seconds)
    {
        int none = 0;
        if (setpriority(PRIO_PROCESS, 0, Nicest) != 0) throw SyscallException.FromLast("setpriority");
        if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) throw SyscallException.FromLast("sched_setscheduler");
        var limit = new ResourceLimit { Current = (ulong)seconds, Maximum = (ulong)seconds + 1 };
        if (prlimit64(0, RLIMIT_CPU, &limit, null) != 0) throw SyscallException.FromLast("prlimit64");
    }
}
