using System.Globalization;
using Wharf.Linux.Namespaces;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Containers.Oci;

/// <summary>The mounts every container has, and how those of the user join them.</summary>
internal static class DefaultMounts
{
    private static readonly Mount Proc = New("/proc", "proc", "proc", "nosuid", "noexec", "nodev");
    private static readonly Mount Dev = New("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k");
    private static readonly Mount DevPts = New("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5");
    private static readonly Mount SysReadOnly = New("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro");
    private static readonly Mount Sys = New("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "rw");
    private static readonly Mount CgroupReadOnly = New("/sys/fs/cgroup", "cgroup", "cgroup", "ro", "nosuid", "noexec", "nodev");
    private static readonly Mount Cgroup = New("/sys/fs/cgroup", "cgroup", "cgroup", "rw", "nosuid", "noexec", "nodev");
    private static readonly Mount Mqueue = New("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev");

    /// <summary>
    /// In mount order. <paramref name="sharedMemory"/> is null for none, empty for a tmpfs of the container's own, else the
    /// host directory that containers of one IPC namespace share.
    /// </summary>
    public static List<Mount> Build(bool privileged, bool writableCgroups, bool hostIpc, bool hostPids, bool userNamespace, string? sharedMemory, long sharedMemorySize)
    {
        var mounts = new List<Mount>(12)
        {
            // Of a PID namespace that is not its own a user namespace can mount no /proc either.
            hostPids && UserNamespace.IsInner ? Bind("/proc", "/proc", "nosuid", "noexec", "nodev") : Proc, Dev, DevPts,
            privileged ? Sys : SysReadOnly,
            writableCgroups ? Cgroup : CgroupReadOnly,
        };
        // Not every host has its message queues mounted; a user namespace cannot mount queues that are not its own.
        bool onHost = Directory.Exists("/dev/mqueue");
        if (!hostIpc || !(onHost || userNamespace)) mounts.Add(Mqueue);
        else if (onHost) mounts.Add(Bind("/dev/mqueue", "/dev/mqueue", "nosuid", "noexec", "nodev"));
        if (sharedMemory is null) return mounts;
        mounts.Add(sharedMemory.Length > 0
            ? Bind("/dev/shm", sharedMemory, "nosuid", "noexec", "nodev")
            : New("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", string.Create(CultureInfo.InvariantCulture, $"size={sharedMemorySize}")));
        return mounts;
    }

    /// <summary>
    /// Adds mounts of the user: one on the same place replaces a default, one over /dev takes what was below it. What is deeper comes
    /// later, so that no mount hides another.
    /// </summary>
    public static void Overlay(List<Mount> mounts, IEnumerable<Mount> user)
    {
        var ordered = user.OrderBy(mount => Depth(mount.Destination)).ToList();
        foreach (var mount in ordered)
        {
            var place = mount.Destination.TrimEnd('/');
            mounts.RemoveAll(existing => existing.Destination == place || (place == "/dev" && existing.Destination.StartsWith("/dev/", StringComparison.Ordinal)));
        }
        mounts.AddRange(ordered);
    }

    public static Mount Bind(string destination, string source, params string[] options) =>
        new() { Destination = destination, Type = "bind", Source = source, Options = ["rbind", "rprivate", .. options] };

    /// <summary>A tmpfs as docker's <c>--tmpfs</c> asks for it.</summary>
    public static Mount Tmpfs(string destination, string options) => new()
    {
        Destination = destination,
        Type = "tmpfs",
        Source = "tmpfs",
        Options = ["noexec", "nosuid", "nodev", .. options.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)],
    };

    private static Mount New(string destination, string type, string source, params string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = [.. options] };

    private static int Depth(string path) => path.AsSpan().TrimEnd('/').Count('/');
}
