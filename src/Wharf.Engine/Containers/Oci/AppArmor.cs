using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers.Oci;

/// <summary>Which AppArmor profile confines a container, where the kernel has AppArmor.</summary>
internal static class AppArmor
{
    private const string Unconfined = "unconfined";

    /// <summary>The kernel decides it when it boots.</summary>
    public static bool IsEnabled { get; } = File.Exists(Enabled) && File.ReadAllText(Enabled).StartsWith('Y');

    private const string Enabled = "/sys/module/apparmor/parameters/enabled";

    /// <summary>What was asked for with <c>--security-opt apparmor=</c>; else the engine's own profile where it can be had, which privileged containers go without. Null for none.</summary>
    public static string? ProfileOf(HostConfig host)
    {
        if (!IsEnabled) return null;
        var asked = Asked(host);
        if (asked.Length > 0) return asked == Unconfined ? null : asked;
        return host.Privileged != true && DefaultAppArmorProfile.IsAvailable ? DefaultAppArmorProfile.Name : null;
    }

    /// <summary>Puts the engine's own profile back where a container needs it and another tool took it out of the kernel.</summary>
    public static ValueTask PrepareAsync(HostConfig host) => ProfileOf(host) == DefaultAppArmorProfile.Name ? DefaultAppArmorProfile.LoadAsync() : default;

    /// <summary>What <c>inspect</c> tells: the profile that is applied, or that was asked for in vain.</summary>
    public static string Shown(HostConfig host) => ProfileOf(host) ?? (IsEnabled && host.Privileged == true ? Unconfined : Asked(host));

    private static string Asked(HostConfig host) =>
        host.SecurityOpt?.LastOrDefault(option => option.StartsWith("apparmor=", StringComparison.Ordinal) || option.StartsWith("apparmor:", StringComparison.Ordinal))?[9..] ?? "";
}
