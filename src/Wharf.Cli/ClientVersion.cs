using System.Reflection;

namespace Wharf.Cli;

/// <summary>The client's own version, from the build.</summary>
internal static class ClientVersion
{
    public static string Product { get; } = typeof(ClientVersion).Assembly.GetName().Version is { } version
        ? $"{version.Major}.{version.Minor}.{version.Build}" : "0.0.0";

    /// <summary>The commit the client was built from; "unknown" outside a checkout.</summary>
    public static string Commit { get; } = typeof(ClientVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion is { } text && text.IndexOf('+') is >= 0 and var plus
        ? text[(plus + 1)..] : "unknown";

    public static string ShortCommit => Commit.Length > 7 ? Commit[..7] : Commit;
}
