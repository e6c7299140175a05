using Wharf.Engine;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>Where a daemon keeps its things when an ordinary user starts it (<c>--rootless</c>): in his own directories (the XDG base directory specification).</summary>
internal static class RootlessOptions
{
    public const string Flag = "--rootless";

    public static string ConfigFile => Path.Combine(ConfigDirectory, "wharf", "daemon.json");

    private static string ConfigDirectory => Own("XDG_CONFIG_HOME", ".config");

    public static DaemonOptions Defaults(DaemonOptions options)
    {
        var runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } given && Path.IsPathRooted(given) ? given
            : throw WharfException.Invalid("XDG_RUNTIME_DIR must be set for a rootless daemon: it names the user's directory for sockets and run-time state, and a login sets it");
        return options with
        {
            Hosts = [$"unix://{runtime}/wharf/wharf.sock"], DataRoot = Path.Combine(Own("XDG_DATA_HOME", ".local/share"), "wharf"), ExecRoot = Path.Combine(runtime, "wharf"),
            CertificateDirectories = [Path.Combine(ConfigDirectory, "wharf", "certs.d"), .. options.CertificateDirectories], CdiDirectories = [Path.Combine(ConfigDirectory, "cdi"), .. options.CdiDirectories],
        };
    }

    private static string Own(string variable, string belowHome) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } given && Path.IsPathRooted(given) ? given
        : Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? Path.Combine(home, belowHome) : throw WharfException.Invalid($"neither {variable} nor HOME is set: a rootless daemon keeps its data there");
}
