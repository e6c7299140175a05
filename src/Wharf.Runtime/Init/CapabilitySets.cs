using Wharf.Linux.Fds;
using Wharf.Specs.Errors;

namespace Wharf.Runtime.Init;

/// <summary>Capabilities by their kernel names (linux/capability.h) as bit masks.</summary>
public static class CapabilitySets
{
    private static readonly string[] Names =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
        "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
        "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
        "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ];

    /// <summary>How many capabilities this code knows.</summary>
    public static int Known => Names.Length;

    public static IReadOnlyList<string> KnownNames => Names;

    public static bool IsKnown(string name) => Array.IndexOf(Names, name) >= 0;

    public static ulong Mask(IEnumerable<string>? names)
    {
        ulong mask = 0;
        foreach (var name in names ?? [])
        {
            int bit = Array.IndexOf(Names, name);
            if (bit < 0) throw WharfException.Invalid($"unknown capability \"{name}\"");
            mask |= 1UL << bit;
        }
        return mask;
    }

    /// <summary>What this process itself may hand on: a capability outside cannot be given (capabilities(7)).</summary>
    public static ulong OwnBounding() => Own;

    /// <summary>All capabilities the running kernel has.</summary>
    public static ulong All() => (2UL << int.Parse(KernelFile.Read("/proc/sys/kernel/cap_last_cap"), System.Globalization.CultureInfo.InvariantCulture)) - 1;

    private static readonly ulong Own = ReadOwnBounding();

    private static ulong ReadOwnBounding()
    {
        const string Name = "\nCapBnd:";
        var status = KernelFile.Read("/proc/self/status").AsSpan();
        var value = status[(status.IndexOf(Name, StringComparison.Ordinal) + Name.Length)..];
        return ulong.Parse(value[..value.IndexOf('\n')].Trim(), System.Globalization.NumberStyles.AllowHexSpecifier, System.Globalization.CultureInfo.InvariantCulture);
    }
}
