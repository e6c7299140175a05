namespace Wharf.Daemon.Registry.Scanning;

/// <summary>OSV's names of where packages come from (ossf.github.io/osv-schema, "Defined ecosystems").</summary>
internal static class Ecosystems
{
    /// <summary>Which language's packages they are; null of a system's.</summary>
    public static PackageKind? KindOf(string ecosystem) => ecosystem switch
    {
        "npm" => PackageKind.Npm, "PyPI" => PackageKind.PyPI, "Go" => PackageKind.Golang, "NuGet" => PackageKind.NuGet, "crates.io" => PackageKind.Cargo, "RubyGems" => PackageKind.Gem, "Packagist" => PackageKind.Composer, "Maven" => PackageKind.Maven,
        _ => null,
    };

    /// <summary>os-release's ID of a system.</summary>
    private static string SystemOf(string ecosystem) => ecosystem switch
    {
        "Rocky Linux" => "rocky", "AlmaLinux" => "almalinux", "Red Hat" => "rhel", "SUSE" => "sles", "Photon OS" => "photon", "Azure Linux" => "azurelinux", "openEuler" => "openEuler",
        _ => ecosystem.ToLowerInvariant(),
    };

    /// <summary>
    /// Whether it is the image's release: <c>Debian:12</c>, <c>Alpine:v3.18</c>, <c>Ubuntu:22.04:LTS</c>, <c>openSUSE:Leap 15.5</c>, <c>Red Hat:enterprise_linux:9::appstream</c>; without a
    /// release all are.
    /// </summary>
    public static bool IsRelease(string[] parts, PackageList installed)
    {
        var system = SystemOf(parts[0]);
        if (!installed.Os.Equals(system, StringComparison.OrdinalIgnoreCase) && !(system == "opensuse" && installed.Os.StartsWith("opensuse-", StringComparison.Ordinal))) return false;
        return parts.Length == 1 || parts.Skip(1).Select(static part => part[(part.LastIndexOf(' ') + 1)..].TrimStart('v')).Any(part => part != "" && (installed.Version + ".").StartsWith(part + ".", StringComparison.Ordinal));
    }
}
