using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers.Oci;

/// <summary>Which AppArmor profile confines a container, where the kernel has AppArmor.</summary>
internal static class AppArmor
{
    private const string Default = "docker-default", Profiles = "/sys/kernel/security/apparmor/profiles";

    /// <summary>The kernel decides it when it boots.</summary>
    public static bool IsEnabled { get; } = ReadOrEmpty("/sys/module/apparmor/parameters/enabled").StartsWith('Y');

    /// <summary>What was asked for with <c>--security-opt apparmor=</c>; else Docker's own profile where it is loaded, which privileged containers go without. Null for none.</summary>
    public static string? ProfileOf(HostConfig host)
    {
        if (!IsEnabled) return null;
        var asked = Asked(host);
        if (asked.Length > 0) return asked == "unconfined" ? null : asked;
        return host.Privileged != true && IsLoaded(Default) ? Default : null;
    }

    /// <summary>What <c>inspect</c> tells: the profile that is applied, or that was asked for in vain.</summary>
    public static string Shown(HostConfig host) => ProfileOf(host) ?? Asked(host);

    private static string Asked(HostConfig host) =>
        host.SecurityOpt?.LastOrDefault(option => option.StartsWith("apparmor=", StringComparison.Ordinal) || option.StartsWith("apparmor:", StringComparison.Ordinal))?[9..] ?? "";

    private static bool IsLoaded(string profile) => ReadOrEmpty(Profiles).Split('\n').Any(line => line.StartsWith(profile + " (", StringComparison.Ordinal));

    private static string ReadOrEmpty(string path)
    {
        try { return File.Exists(path) ? File.ReadAllText(path) : ""; } // no such module, or no securityfs
        catch (Exception error) when (error is IOException or UnauthorizedAccessException) { return ""; }
    }
}
