using System.Globalization;

namespace Wharf.Cli.Commands.Doctor;

/// <summary>What the kernel must be able to do.</summary>
internal static class KernelChecks
{
    private static readonly Version Oldest = new(5, 12), Recommended = new(6, 1);

    public static IEnumerable<Finding> Run()
    {
        yield return Kernel();
        yield return Namespaces();
        yield return Overlay();
        yield return Seccomp();
        yield return Cgroups();
        yield return Memory();
        yield return Pids();
    }

    private static Finding Kernel()
    {
        var release = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        var numbers = new string([.. release.TakeWhile(letter => char.IsAsciiDigit(letter) || letter == '.')]).Trim('.');
        var version = Version.TryParse(numbers, out var parsed) ? parsed : new Version(0, 0);
        return version < Oldest ? new Finding("kernel", Health.Broken, $"Linux {release}", $"Linux {Oldest} or newer is needed")
            : version < Recommended ? new Finding("kernel", Health.Note, $"Linux {release}", $"Linux {Recommended} or newer is recommended")
            : new Finding("kernel", Health.Good, $"Linux {release}");
    }

    private static Finding Namespaces()
    {
        var missing = ((string[])["mnt", "pid", "net", "ipc", "uts", "cgroup", "user"]).Where(name => !File.Exists($"/proc/self/ns/{name}")).ToList();
        if (missing.Count > 0) return new Finding("namespaces", missing is ["user"] ? Health.Note : Health.Broken, $"the kernel has no {string.Join(", ", missing)} namespaces", "enable CONFIG_NAMESPACES with all its parts");
        return new Finding("namespaces", Health.Good, "mount, pid, network, ipc, uts, cgroup and user");
    }

    private static Finding Overlay() => HasFilesystem("overlay") ? new Finding("overlay", Health.Good, "the overlay file system is there")
        : new Finding("overlay", Health.Broken, "the kernel has no overlay file system", "load it with 'modprobe overlay' (CONFIG_OVERLAY_FS)");

    private static bool HasFilesystem(string name) => File.ReadLines("/proc/filesystems").Any(line => line.Split('\t')[^1] == name) || Directory.Exists($"/sys/module/{name}");

    private static Finding Seccomp() => File.ReadLines("/proc/self/status").Any(line => line.StartsWith("Seccomp:", StringComparison.Ordinal)) ? new Finding("seccomp", Health.Good, "system calls of containers can be filtered")
        : new Finding("seccomp", Health.Broken, "the kernel cannot filter system calls", "enable CONFIG_SECCOMP_FILTER");

    private static Finding Cgroups()
    {
        string[] wanted = ["cpu", "memory", "pids", "io", "cpuset"];
        if (File.Exists("/sys/fs/cgroup/cgroup.controllers"))
        {
            var there = File.ReadAllText("/sys/fs/cgroup/cgroup.controllers").Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
            var missing = wanted.Except(there).ToList();
            return missing.Count == 0 ? new Finding("cgroups", Health.Good, $"version 2 with {string.Join(", ", there)}")
                : new Finding("cgroups", Health.Warning, $"version 2 without {string.Join(", ", missing)}: those limits have no effect", "give the controllers to the root: write +NAME to cgroup.subtree_control, or set cgroup_enable= on the kernel's command line");
        }
        var mounted = File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(" - cgroup ", StringComparison.Ordinal)).Select(line => line.Split(' ')[4].Split('/')[^1]).SelectMany(names => names.Split(',')).ToHashSet();
        if (mounted.Count == 0) return new Finding("cgroups", Health.Broken, "no control groups are mounted under /sys/fs/cgroup", "mount cgroup2 at /sys/fs/cgroup");
        var lacking = ((string[])["cpu", "memory", "pids", "blkio", "cpuset", "devices", "freezer"]).Except(mounted).ToList();
        return lacking.Count == 0 ? new Finding("cgroups", Health.Note, $"version 1 ({mounted.Count} controllers)", "version 2 is recommended: boot with systemd.unified_cgroup_hierarchy=1")
            : new Finding("cgroups", Health.Warning, $"version 1 without {string.Join(", ", lacking)}: those limits have no effect", "mount them under /sys/fs/cgroup, or boot with version 2");
    }

    private static Finding Memory()
    {
        var lines = File.ReadLines("/proc/meminfo").Select(line => line.Split([':', ' '], StringSplitOptions.RemoveEmptyEntries)).ToDictionary(words => words[0], words => long.Parse(words[1], CultureInfo.InvariantCulture) / 1024);
        var found = $"{lines["MemAvailable"]} of {lines["MemTotal"]} MB available";
        return lines["MemAvailable"] < 256 ? new Finding("memory", Health.Warning, found, "less than 256 MB is free: containers may be killed") : new Finding("memory", Health.Good, found);
    }

    private static Finding Pids()
    {
        int max = int.Parse(File.ReadAllText("/proc/sys/kernel/pid_max").Trim(), CultureInfo.InvariantCulture);
        return max < 4096 ? new Finding("processes", Health.Warning, $"kernel.pid_max is {max}", "raise it: sysctl -w kernel.pid_max=4194304") : new Finding("processes", Health.Good, $"up to {max}");
    }
}
