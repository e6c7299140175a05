using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Oci;

/// <summary>Which capabilities a container gets (capabilities(7)): docker's fourteen, with those added and dropped.</summary>
internal static class CapabilitySet
{
    public static readonly string[] Default =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ];

    /// <summary>All of linux/capability.h, in the kernel's order.</summary>
    public static readonly string[] All =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE",
        "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
        "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ];

    /// <summary>What the daemon itself holds in its bounding set: more than that nobody can be given.</summary>
    private static readonly Lazy<IReadOnlyList<string>> Available = new(ReadBounding);

    public static IReadOnlyList<string> Resolve(IReadOnlyList<string>? add, IReadOnlyList<string>? drop, bool privileged)
    {
        var added = Normalize(add, "CapAdd");
        var dropped = Normalize(drop, "CapDrop");
        if (privileged) return Available.Value;
        if (added.Count == 0 && dropped.Count == 0) return Default;
        if (added.Contains("ALL")) return [.. Available.Value.Where(capability => !dropped.Contains(capability))];
        if (dropped.Contains("ALL")) return [.. All.Where(added.Contains)];
        return [.. Default.Where(capability => !dropped.Contains(capability)), .. All.Where(capability => added.Contains(capability) && !Default.Contains(capability))];
    }

    private static HashSet<string> Normalize(IReadOnlyList<string>? names, string field)
    {
        var set = new HashSet<string>(StringComparer.Ordinal);
        foreach (var given in names ?? [])
        {
            var name = given.ToUpperInvariant();
            if (name != "ALL")
            {
                if (!name.StartsWith("CAP_", StringComparison.Ordinal)) name = "CAP_" + name;
                if (Array.IndexOf(All, name) < 0) throw WharfException.Invalid($"invalid {field}: unknown capability: \"{name}\"");
            }
            set.Add(name);
        }
        return set;
    }

    private static IReadOnlyList<string> ReadBounding()
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("CapBnd:", StringComparison.Ordinal));
        ulong mask = Convert.ToUInt64(line[7..].Trim(), 16);
        return [.. All.Where((_, number) => (mask & (1UL << number)) != 0)];
    }
}
