using System.Runtime.InteropServices;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>struct rlimit64.</summary>
internal struct ResourceLimit { public ulong Soft, Hard; }

/// <summary>Resource limits by name (getrlimit(2)). Raising a hard limit needs CAP_SYS_RESOURCE; without it the host's own limit is the most there is.</summary>
internal static unsafe partial class Rlimits
{
    private static readonly string[] Names =
    [
        "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_MEMLOCK",
        "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
    ];

    private const int CAP_SYS_RESOURCE = 24;

    [LibraryImport("libc", EntryPoint = "prlimit64", SetLastError = true)] private static partial int prlimit64(int pid, int resource, ResourceLimit* set, ResourceLimit* get);

    public static int NumberOf(string name) => Array.IndexOf(Names, name) is var number and >= 0 ? number : throw WharfException.Invalid($"wrong rlimit value: {name}");

    public static (int Resource, ResourceLimit Limit) Allowed(Rlimit wanted, List<string> warnings)
    {
        int resource = NumberOf(wanted.Type);
        if (wanted.Soft > wanted.Hard) throw WharfException.Invalid($"{wanted.Type}: the soft limit {wanted.Soft} is above the hard limit {wanted.Hard}");
        ResourceLimit own;
        SyscallException.Check(prlimit64(0, resource, null, &own), "prlimit64", wanted.Type);
        if (wanted.Hard <= own.Hard || !UserNamespace.IsInner && (CapabilitySets.OwnBounding() >> CAP_SYS_RESOURCE & 1) != 0) return (resource, new ResourceLimit { Soft = wanted.Soft, Hard = wanted.Hard });
        warnings.Add($"{wanted.Type}: the host allows {own.Hard} at most, not {wanted.Hard}");
        return (resource, new ResourceLimit { Soft = Math.Min(wanted.Soft, own.Hard), Hard = own.Hard });
    }

    /// <summary>Sets a process's limits from outside: inside a new user namespace it could not raise any.</summary>
    public static void Set(int pid, Process process, List<string> warnings)
    {
        foreach (var wanted in process.Rlimits ?? [])
        {
            var (resource, limit) = Allowed(wanted, warnings);
            SyscallException.Check(prlimit64(pid, resource, &limit, null), "prlimit64", wanted.Type);
        }
    }
}
