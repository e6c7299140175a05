using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>
/// Kernel parameters of the container's namespaces, written from the launch thread, which is in them, through a procfs of our own
/// that nothing can have been mounted over (SECURITY invariant 2).
/// </summary>
internal static unsafe class Sysctls
{
    private static readonly HashSet<string> OfIpc = new(StringComparer.Ordinal)
        { "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced" };

    /// <summary>Only what a namespace of the container's own holds may be set: the rest is the host's.</summary>
    public static void Check(LinuxSpec linux)
    {
        bool Has(string type) => linux.Namespaces?.Any(ns => ns.Type == type) == true;
        foreach (var name in linux.Sysctl?.Keys ?? Enumerable.Empty<string>())
        {
            var path = PathOf(name);
            bool allowed = path.StartsWith("net/", StringComparison.Ordinal) ? Has("network")
                : path.StartsWith("fs/mqueue/", StringComparison.Ordinal) || OfIpc.Contains(path) ? Has("ipc")
                : path == "kernel/domainname" && Has("uts");
            if (path == "kernel/hostname") throw WharfException.Invalid($"sysctl \"{name}\" conflicts with the OCI field \"hostname\"");
            if (!allowed) throw WharfException.Invalid($"sysctl \"{name}\" is not in a separate kernel namespace");
            if (name.Contains("..", StringComparison.Ordinal) || name.StartsWith('/')) throw WharfException.Invalid($"invalid sysctl \"{name}\"");
        }
    }

    // Both forms are usual: net.ipv4.ip_forward, and net/ipv4/conf/eth0.1/… where a name holds a dot.
    private static string PathOf(string name) => name.Contains('/') ? name : name.Replace('.', '/');

    public static void Write(IReadOnlyDictionary<string, string>? values)
    {
        if (values is not { Count: > 0 }) return;
        // A procfs of a PID namespace that is another's can only be taken as it is.
        using var proc = UserNamespace.IsInner ? OpenAt.Open("/proc", O.PATH | O.DIRECTORY)
            : MountTree.Create("proc", "proc", [], MountFlags.MOUNT_ATTR_NOSUID | MountFlags.MOUNT_ATTR_NODEV | MountFlags.MOUNT_ATTR_NOEXEC);
        foreach (var (name, value) in values)
        {
            if (name.Contains("..", StringComparison.Ordinal) || name.StartsWith('/')) throw WharfException.Invalid($"invalid sysctl \"{name}\"");
            var path = "sys/" + PathOf(name);
            using var file = OpenAt.InRoot(proc, path, O.WRONLY, 0, Resolve.NoSymlinks | Resolve.NoXdev);
            fixed (byte* text = Encoding.UTF8.GetBytes(value + '\0'))
                SyscallException.Check(Libc.write(file.Value, text, (nuint)Encoding.UTF8.GetByteCount(value)), "write sysctl", $"{name}={value}");
        }
    }
}
