using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli;

/// <summary>The client's <c>config.json</c>, in docker's format and place so that credentials are shared with docker.</summary>
internal sealed class ConfigFile
{
    private readonly string path;
    private readonly Lazy<JsonObject> content;

    public ConfigFile(string directory)
    {
        Directory = directory;
        path = Path.Combine(directory, "config.json");
        content = new Lazy<JsonObject>(Load);
    }

    public string Directory { get; }

    public static string DefaultDirectory => Environment.GetEnvironmentVariable("DOCKER_CONFIG") is { Length: > 0 } set ? set
        : Path.Combine(Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? home : "/", ".docker");

    /// <summary>A text setting such as <c>psFormat</c> or <c>detachKeys</c>; null when not set.</summary>
    public string? Text(string name) => content.Value[name] is JsonValue value && value.TryGetValue<string>(out var text) && text != "" ? text : null;

    public JsonObject Content => content.Value;

    /// <summary>The context that is in force when nothing else names one; null for the default one.</summary>
    public string? CurrentContext => Text("currentContext");

    /// <summary>Puts a context in force; null and <c>default</c> for the default one.</summary>
    public void UseContext(string? name)
    {
        if (name is null or Contexts.ContextStore.Default) Content.Remove("currentContext");
        else Content["currentContext"] = name;
        Save();
    }

    private JsonObject Load()
    {
        if (!File.Exists(path)) return [];
        try
        {
            return JsonNode.Parse(File.ReadAllBytes(path)) as JsonObject ?? [];
        }
        catch (JsonException e)
        {
            throw new CliException($"WARNING: Error loading config file: {path}: {e.Message}", 1, e);
        }
    }

    /// <summary>Replaces the file in one step: it holds credentials, so only its owner may read it.</summary>
    public void Save()
    {
        System.IO.Directory.CreateDirectory(Directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var temporary = $"{path}.{Environment.ProcessId}";
        var bytes = System.Text.Encoding.UTF8.GetBytes(content.Value.ToJsonString(new JsonSerializerOptions { WriteIndented = true, IndentCharacter = '\t', IndentSize = 1 }));
        using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            file.Write(bytes);
        File.Move(temporary, path, overwrite: true);
    }
}
