using System.Text.Json;
using System.Text.RegularExpressions;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Containers.Oci;

/// <summary>
/// Hooks that a machine's owner adds to containers: files of oci-hooks(5), version 1.0.0, in directories of which a later one's file goes before an
/// earlier one's of the same name.
/// </summary>
public sealed class HookDirectory
{
    private static readonly string[] Stages = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

    private sealed record Condition(bool? Always, bool? HasBindMounts, List<(Regex Key, Regex Value)> Annotations, List<Regex> Commands);
    private sealed record Definition(Hook Hook, Condition When, string[] Stages);

    private readonly List<Definition> _definitions = [];

    /// <summary>Reads the directories; one that is not there, or a file that is wrong, is an InvalidArgument error with its path.</summary>
    public static HookDirectory Load(IEnumerable<string> directories)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var directory in directories)
        {
            if (!Directory.Exists(directory)) throw WharfException.Invalid($"invalid value \"{directory}\" for option \"hooks-dir\": no such directory");
            foreach (var path in Directory.EnumerateFiles(directory, "*.json")) files[Path.GetFileName(path)] = path;
        }
        var loaded = new HookDirectory();
        foreach (var path in files.Values) loaded._definitions.Add(Read(path));
        return loaded;
    }

    private static Definition Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            if (root.GetProperty("version").GetString() is not "1.0.0" and var version) throw WharfException.Invalid($"{path}: version {version} is not known, only 1.0.0");
            var hook = root.GetProperty("hook");
            var made = new Hook
            {
                Path = hook.GetProperty("path").GetString() ?? "",
                Args = hook.TryGetProperty("args", out var args) ? Texts(args) : null,
                Env = hook.TryGetProperty("env", out var env) ? Texts(env) : null,
                Timeout = hook.TryGetProperty("timeout", out var timeout) ? timeout.GetInt32() : null,
            };
            if (!made.Path.StartsWith('/') || !File.Exists(made.Path)) throw WharfException.Invalid($"{path}: hook.path: {made.Path}: no such file, or not absolute");
            var stages = Texts(root.GetProperty("stages")).ToArray();
            if (stages.Length == 0 || stages.Any(stage => Array.IndexOf(Stages, stage) < 0)) throw WharfException.Invalid($"{path}: stages: expected some of {string.Join(", ", Stages)}");
            return new Definition(made, ReadCondition(path, root.GetProperty("when")), stages);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException or IOException or NotSupportedException)
        {
            throw WharfException.Invalid($"{path}: {error.Message}", error);
        }
    }

    private static Condition ReadCondition(string path, JsonElement when)
    {
        // Patterns are matched against what users of the API choose: without backtracking.
        static Regex Pattern(string text) => new(text, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        var condition = new Condition(
            when.TryGetProperty("always", out var always) ? always.GetBoolean() : null,
            when.TryGetProperty("hasBindMounts", out var binds) ? binds.GetBoolean() : null,
            when.TryGetProperty("annotations", out var annotations) ? [.. annotations.EnumerateObject().Select(pair => (Pattern(pair.Name), Pattern(pair.Value.GetString() ?? "")))] : [],
            when.TryGetProperty("commands", out var commands) ? [.. Texts(commands).Select(Pattern)] : []);
        if (condition is { Always: null, HasBindMounts: null, Annotations.Count: 0, Commands.Count: 0 }) throw WharfException.Invalid($"{path}: when: no condition");
        return condition;
    }

    private static List<string> Texts(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetString() ?? "")];

    /// <summary>The hooks of a container; null for none. All conditions that a file sets must hold.</summary>
    internal Hooks? Of(IReadOnlyDictionary<string, string>? annotations, string command, bool hasBindMounts)
    {
        Hooks? hooks = null;
        foreach (var definition in _definitions)
        {
            if (!Holds(definition.When, annotations, command, hasBindMounts)) continue;
            hooks ??= new Hooks();
            foreach (var stage in definition.Stages) ListOf(hooks, stage).Add(definition.Hook);
        }
        return hooks;
    }

    private static bool Holds(Condition when, IReadOnlyDictionary<string, string>? annotations, string command, bool hasBindMounts) =>
        when.Always != false && (when.HasBindMounts is not { } wanted || wanted == hasBindMounts) &&
        when.Annotations.TrueForAll(pair => annotations?.Any(given => pair.Key.IsMatch(given.Key) && pair.Value.IsMatch(given.Value)) == true) &&
        (when.Commands.Count == 0 || when.Commands.Exists(pattern => pattern.IsMatch(command)));

    /// <summary>The hooks of a stage.</summary>
    internal static List<Hook> ListOf(Hooks hooks, string stage) => stage switch
    {
        "prestart" => hooks.Prestart ??= [],
        "createRuntime" => hooks.CreateRuntime ??= [],
        "createContainer" => hooks.CreateContainer ??= [],
        "startContainer" => hooks.StartContainer ??= [],
        "poststart" => hooks.Poststart ??= [],
        _ => hooks.Poststop ??= [],
    };
}
