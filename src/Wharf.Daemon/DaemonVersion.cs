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

    /// <summary>When the executable was made, as RFC 3339.</summary>
    public static string BuildTime { get; } = (Environment.ProcessPath is { } path ? File.GetLastWriteTimeUtc(path) : DateTime.UnixEpoch).ToString("yyyy-MM-ddTHH:mm:ss'.000000000+00:00'", System.Globalization.CultureInfo.InvariantCulture);
}
