using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.DaemonNamespaces;

/// <summary>What of the machine's files would be wrong in the daemon's own network and is covered by mounts: once, as the mounts stay while the namespaces do.</summary>
internal static class Surroundings
{
    /// <summary>Where slirp4netns answers questions of names, unless told otherwise (slirp4netns(1)).</summary>
    private const string NameServer = "10.0.2.3";

    private static string Done(string state) => Path.Combine(state, "prepared");

    /// <summary>To be called before there are new namespaces.</summary>
    public static void Forget(string state) => File.Delete(Done(state));

    public static void Prepare(string state)
    {
        if (File.Exists(Done(state))) return;
        ShowOwnNetwork();
        AskOwnNameServer(state);
        File.WriteAllText(Done(state), "");
    }

    // The machine's /sys tells of the machine's interfaces. What is mounted below it is wanted still.
    private static void ShowOwnNetwork()
    {
        const string Cgroups = "/sys/fs/cgroup";
        using var cgroups = MountTree.Clone(Cgroups, recursive: true);
        using var sys = MountTree.Create("sysfs", "sysfs", [], MountFlags.MOUNT_ATTR_NOSUID | MountFlags.MOUNT_ATTR_NODEV | MountFlags.MOUNT_ATTR_NOEXEC);
        Cover("/sys", sys);
        Cover(Cgroups, cgroups);
    }

    private static void AskOwnNameServer(string state)
    {
        const string Resolver = "/etc/resolv.conf";
        if (!File.Exists(Resolver)) return;
        var own = Path.Combine(state, "resolv.conf");
        // What it says besides stays.
        var kept = File.ReadAllLines(Resolver).Where(static line => !line.TrimStart().StartsWith("nameserver", StringComparison.Ordinal));
        File.WriteAllLines(own, kept.Prepend($"nameserver {NameServer}"));
        using var tree = MountTree.Clone(own, recursive: false);
        Cover(Resolver, tree);
    }

    private static void Cover(string path, Fd tree)
    {
        using var target = OpenAt.Open(path, O.PATH);
        MountTree.Attach(tree, target, path);
    }
}
