using System.Runtime.InteropServices;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Plugins;

/// <summary>Docker's own client plugins (compose, buildx and others): executables <c>docker-NAME</c> in docker's plugin directories, to which the process hands over.</summary>
internal static partial class CliPlugin
{
    private const int SIGPIPE = 13;

    /// <summary>The plugin's path; null when there is none of that name.</summary>
    public static string? Find(string name, ConfigFile config)
    {
        // The name becomes part of a path.
        if (name.Length == 0 || name.AsSpan().ContainsAnyExcept("abcdefghijklmnopqrstuvwxyz0123456789-")) return null;
        return Directories(config).Select(directory => Path.Combine(directory, "docker-" + name)).FirstOrDefault(File.Exists);
    }

    /// <summary>All plugins by name.</summary>
    public static IEnumerable<string> Names(ConfigFile config) => Directories(config).Where(Directory.Exists)
        .SelectMany(directory => Directory.GetFiles(directory, "docker-*")).Select(path => Path.GetFileName(path)["docker-".Length..]).Distinct().Order(StringComparer.Ordinal);

    private static IEnumerable<string> Directories(ConfigFile config)
    {
        yield return Path.Combine(config.Directory, "cli-plugins");
        if (config.Content["cliPluginsExtraDirs"] is System.Text.Json.Nodes.JsonArray more)
            foreach (var directory in more)
                if (directory?.ToString() is { Length: > 0 } text) yield return text;
        foreach (var directory in (string[])["/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins"]) yield return directory;
    }

    /// <summary>Becomes the plugin. Returns only when that fails.</summary>
    public static int Run(string path, string name, IReadOnlyList<string> arguments, GlobalOptions options)
    {
        var environment = new Dictionary<string, string?>();
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables()) environment[(string)entry.Key] = (string?)entry.Value;
        foreach (var (key, value) in options.PluginEnvironment()) environment[key] = value;
        environment["DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND"] = Environment.ProcessPath;
        environment["DOCKER_CONFIG"] = options.Config.Directory;
        string[] words = [path, name, .. arguments];
        // .NET ignores SIGPIPE, and what is ignored stays so over an exec.
        signal(SIGPIPE, 0);
        execve(path, [.. words, null], [.. environment.Select(pair => $"{pair.Key}={pair.Value}"), null]);
        throw new CliException($"exec {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] private static partial int execve(string path, string?[] arguments, string?[] environment);
    [LibraryImport("libc")] private static partial nint signal(int number, nint handler);
}
