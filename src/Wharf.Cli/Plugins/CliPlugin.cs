using System.Diagnostics;
using System.Runtime.InteropServices;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Plugins;

/// <summary>Docker's own client plugins (compose, buildx and others): executables <c>docker-NAME</c> in docker's plugin directories, to which the process hands over.</summary>
internal static partial class CliPlugin
{
    private const int SIGPIPE = 13;
    private const string OriginalCommand = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";

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
        foreach (var (key, value) in Variables(options)) environment[key] = value;
        string[] words = [path, name, .. arguments];
        // .NET ignores SIGPIPE, and what is ignored stays so over an exec.
        signal(SIGPIPE, 0);
        execve(path, [.. words, null], [.. environment.Select(pair => $"{pair.Key}={pair.Value}"), null]);
        throw new CliException($"exec {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    /// <summary>Runs the plugin beside this process, on the same streams, and gives its exit code. Its terminal's signals are its own; others are handed on.</summary>
    public static async Task<int> RunChildAsync(string path, string name, IReadOnlyList<string> arguments, GlobalOptions options)
    {
        var start = new ProcessStartInfo(path, [name, .. arguments]);
        foreach (var (key, value) in Variables(options)) start.Environment[key] = value;
        using var process = Start(start);
        var pid = process.Id;
        List<PosixSignalRegistration> signals = [On(PosixSignal.SIGINT, 0), On(PosixSignal.SIGQUIT, 0), On(PosixSignal.SIGTERM, 15), On(PosixSignal.SIGHUP, 1)];
        await process.WaitForExitAsync();
        signals.ForEach(signal => signal.Dispose());
        return process.ExitCode;

        // Signal 0 is none: the terminal has sent it to both.
        PosixSignalRegistration On(PosixSignal signal, int number) => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            kill(pid, number);
        });
    }

    /// <summary>What the plugin says when it is asked after a command; null when it fails.</summary>
    public static async Task<string?> AskHookAsync(string path, string name, string data)
    {
        var start = new ProcessStartInfo(path, [name, "docker-cli-plugin-hooks", data]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[OriginalCommand] = Environment.ProcessPath;
        using var process = Start(start);
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var said = await process.StandardOutput.ReadToEndAsync();
        await error;
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? said : null;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new CliException($"exec {start.FileName}: it did not start");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new CliException($"exec {start.FileName}: {e.Message}", 1, e);
        }
    }

    /// <summary>What a plugin's environment has more than ours.</summary>
    private static Dictionary<string, string?> Variables(GlobalOptions options) => new(options.PluginEnvironment().Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value)))
    {
        [OriginalCommand] = Environment.ProcessPath,
        ["DOCKER_CONFIG"] = options.Config.Directory,
    };

    [LibraryImport("libc")] private static partial int kill(int process, int signal);
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] private static partial int execve(string path, string?[] arguments, string?[] environment);
    [LibraryImport("libc")] private static partial nint signal(int number, nint handler);
}
