using System.Globalization;
using System.Runtime.InteropServices;

namespace Wharf.Engine.State;

/// <summary>What <c>info</c> and <c>version</c> say of the machine. Read once.</summary>
public sealed class HostFacts
{
    public string KernelVersion { get; } = ReadLine("/proc/sys/kernel/osrelease");
    public string Hostname { get; } = ReadLine("/proc/sys/kernel/hostname");
    public string OperatingSystem { get; }
    public string OsVersion { get; }
    /// <summary>As <c>uname -m</c> says it: x86_64, aarch64.</summary>
    public string Machine { get; } = RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "aarch64" : "x86_64";
    /// <summary>As Go and OCI say it: amd64, arm64.</summary>
    public string Architecture { get; } = RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64";
    public int Cpus { get; } = Environment.ProcessorCount;
    public long MemoryBytes { get; } = ReadMemory();
    /// <summary>True when cgroup v2 alone rules; false for v1 and hybrid.</summary>
    public bool CgroupV2 { get; } = File.Exists("/sys/fs/cgroup/cgroup.controllers");
    /// <summary>Whether containers can have cgroups, and so limits.</summary>
    public bool HasCgroups { get; } = Containers.CgroupRoot.MayMake;
    /// <summary>True when the kernel confines by AppArmor.</summary>
    public bool AppArmor { get; } = Containers.Oci.AppArmor.IsEnabled;

    public HostFacts()
    {
        var release = ReadRelease();
        OperatingSystem = release.GetValueOrDefault("PRETTY_NAME", "Linux");
        OsVersion = release.GetValueOrDefault("VERSION_ID", "");
    }

    private static Dictionary<string, string> ReadRelease()
    {
        var path = File.Exists("/etc/os-release") ? "/etc/os-release" : "/usr/lib/os-release";
        if (!File.Exists(path)) return [];
        return File.ReadLines(path).Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2)
            .GroupBy(pair => pair[0]).ToDictionary(group => group.Key, group => group.First()[1].Trim('"', '\''));
    }

    private static long ReadMemory()
    {
        var line = File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    private static string ReadLine(string path) => File.ReadAllText(path).TrimEnd('\n');
}
