using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Runtime.Init;

/// <summary>
/// Kernel parameters of the container's namespaces, written from the launch thread, which is in them, through a procfs of our own
/// that nothing can have been mounted over (SECURITY invariant 2).
/// </summary>
internal static unsafe class Sysctls
{
    public static void Write(IReadOnlyDictionary<string, string>? values)
    {
        if (values is not { Count: > 0 }) return;
        using var proc = MountTree.Create("proc", "proc", [], MountFlags.MOUNT_ATTR_NOSUID | MountFlags.MOUNT_ATTR_NODEV | MountFlags.MOUNT_ATTR_NOEXEC);
        foreach (var (name, value) in values)
        {
            if (name.Contains("..", StringComparison.Ordinal) || name.StartsWith('/')) throw WharfException.Invalid($"invalid sysctl \"{name}\"");
            // Both forms are usual: net.ipv4.ip_forward, and net/ipv4/conf/eth0.1/… where a name holds a dot.
            var path = "sys/" + (name.Contains('/') ? name : name.Replace('.', '/'));
            using var file = OpenAt.InRoot(proc, path, O.WRONLY, 0, Resolve.NoSymlinks | Resolve.NoXdev);
            fixed (byte* text = Encoding.UTF8.GetBytes(value + '\0'))
                SyscallException.Check(Libc.write(file.Value, text, (nuint)Encoding.UTF8.GetByteCount(value)), "write sysctl", $"{name}={value}");
        }
    }
}
