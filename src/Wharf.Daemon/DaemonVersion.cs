using System.Reflection;

namespace Wharf.Daemon;

/// <summary>The product's own version, from the build.</summary>
public static class DaemonVersion
{
    public static string Product { get; } = typeof(DaemonVersion).Assembly.GetName().Version is { } version
        ? $"{version.Major}.{version.Minor}.{version.Build}" : "0.0.0";

    /// <summary>The commit the binaries were built from, as the SDK notes it; "unknown" outside a checkout.</summary>
    public static string Commit { get; } = typeof(DaemonVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion is { } text && text.IndexOf('+') is >= 0 and var plus
        ? text[(plus + 1)..] : "unknown";
}
