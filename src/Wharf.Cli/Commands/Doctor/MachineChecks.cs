using System.Runtime.InteropServices;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Doctor;

/// <summary>What surrounds the kernel: firewall, forwarding, clock, disk, entropy of names.</summary>
internal static class MachineChecks
{
    public static IEnumerable<Finding> Run(string dataRoot)
    {
        yield return Root();
        yield return Firewall();
        yield return Forwarding();
        yield return Bridge();
        yield return Clock();
        yield return Disk(dataRoot);
        yield return Inodes(dataRoot);
        yield return Names();
        yield return OtherEngine();
    }

    private static Finding Root() => Environment.UserName == "root" ? new Finding("user", Health.Good, "root")
        : new Finding("user", Health.Note, Environment.UserName, "root's daemon is used by the group of its socket; 'wharf daemon --rootless' starts one of your own");

    private static Finding Firewall()
    {
        if (NativeLibrary.TryLoad("libnftables.so.1", out var handle))
        {
            NativeLibrary.Free(handle);
            return new Finding("firewall", Health.Good, "libnftables is there");
        }
        return new[] { "/usr/sbin/iptables-restore", "/usr/sbin/iptables-legacy-restore", "/sbin/iptables-restore" }.Any(File.Exists)
            ? new Finding("firewall", Health.Note, "libnftables.so.1 is not installed: rules are made by iptables", "it is faster with it: apt-get install libnftables1")
            : new Finding("firewall", Health.Broken, "neither libnftables.so.1 nor iptables is installed: networks cannot be made", "install one: apt-get install libnftables1");
    }

    private static Finding Forwarding()
    {
        bool on = File.ReadAllText("/proc/sys/net/ipv4/ip_forward").Trim() == "1";
        return on ? new Finding("forwarding", Health.Good, "IPv4 packets are forwarded") : new Finding("forwarding", Health.Note, "net.ipv4.ip_forward is 0", "the daemon sets it when it starts; something that sets it back cuts containers off");
    }

    private static Finding Bridge() => Directory.Exists("/sys/module/bridge") || File.Exists("/proc/sys/net/bridge/bridge-nf-call-iptables") || ModuleIsBuiltIn("bridge")
        ? new Finding("bridge", Health.Good, "bridges can be made") : new Finding("bridge", Health.Note, "the bridge module is not loaded", "it loads by itself when the first network is made; where modules cannot load: 'modprobe bridge veth'");

    private static bool ModuleIsBuiltIn(string name)
    {
        var path = $"/lib/modules/{File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}/modules.builtin";
        return File.Exists(path) && File.ReadLines(path).Any(line => line.EndsWith($"/{name}.ko", StringComparison.Ordinal));
    }

    private static Finding Clock()
    {
        // Certificates and tokens of registries fail on a wrong clock before anything else does.
        var now = DateTimeOffset.UtcNow;
        var built = Environment.ProcessPath is { } path ? new DateTimeOffset(File.GetLastWriteTimeUtc(path)) : DateTimeOffset.UnixEpoch;
        if (now < built.AddDays(-1)) return new Finding("clock", Health.Broken, $"it is {now:yyyy-MM-dd HH:mm} UTC by this machine, before Wharf was built ({built:yyyy-MM-dd})", "set the clock: certificates will not be valid");
        bool synchronised = !Directory.Exists("/run/systemd/timesync") || File.Exists("/run/systemd/timesync/synchronized");
        return synchronised ? new Finding("clock", Health.Good, $"{now:yyyy-MM-dd HH:mm} UTC") : new Finding("clock", Health.Note, $"{now:yyyy-MM-dd HH:mm} UTC, not synchronised", "check 'timedatectl'");
    }

    private static Finding Disk(string dataRoot)
    {
        var drive = new DriveInfo(Existing(dataRoot));
        var found = $"{Units.HumanSize(drive.AvailableFreeSpace)} of {Units.HumanSize(drive.TotalSize)} free for {dataRoot} ({drive.DriveFormat})";
        if (drive.DriveFormat is "nfs" or "nfs4" or "cifs" or "fuse" or "vfat") return new Finding("disk", Health.Broken, found, "layers need a local file system: ext4, xfs or btrfs");
        return drive.AvailableFreeSpace < 2L << 30 ? new Finding("disk", Health.Warning, found, "see 'wharf system df', and free some with 'wharf system prune' (--dry-run shows what)") : new Finding("disk", Health.Good, found);
    }

    private static Finding Inodes(string dataRoot)
    {
        if (!FileSystemStatus.TryRead(Existing(dataRoot), out long total, out long free) || total == 0) return new Finding("inodes", Health.Good, "not limited");
        var found = $"{free} of {total} free";
        return free < total / 20 ? new Finding("inodes", Health.Warning, found, "image layers hold many small files: prune, or move the data root") : new Finding("inodes", Health.Good, found);
    }

    private static string Existing(string path)
    {
        while (!Directory.Exists(path)) path = Path.GetDirectoryName(path) ?? "/";
        return path;
    }

    private static Finding Names()
    {
        if (!File.Exists("/etc/resolv.conf")) return new Finding("dns", Health.Warning, "there is no /etc/resolv.conf", "containers get no name servers: use --dns of the daemon");
        var servers = File.ReadLines("/etc/resolv.conf").Where(line => line.StartsWith("nameserver ", StringComparison.Ordinal)).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]).ToList();
        return servers.Count == 0 ? new Finding("dns", Health.Warning, "/etc/resolv.conf names no server", "containers get no name servers: use --dns of the daemon") : new Finding("dns", Health.Good, string.Join(", ", servers));
    }

    private static Finding OtherEngine() => File.Exists("/run/docker.sock") || File.Exists("/var/run/docker.sock") ? new Finding("docker", Health.Note, "Docker's socket is there too", "both can run side by side; 'export DOCKER_HOST=unix:///run/wharf/wharf.sock' lets docker's tools use Wharf") : new Finding("docker", Health.Good, "no other engine at docker's socket");
}
