using System.Text.Json;
using System.Text.RegularExpressions;

namespace Wharf.SystemTests.Compat;

/// <summary>The operations and types of the Engine API v1.51, from what the daemon serves as its document.</summary>
public sealed class SchemaReference
{
    private readonly JsonElement _root;
    private readonly Dictionary<string, JsonElement> _operations;

    private SchemaReference(JsonElement root, JsonElement own)
    {
        _root = root;
        Operations = [.. Ids(root)];
        OwnOperations = [.. Ids(own)];
        _operations = root.GetProperty("operations").EnumerateArray().Concat(own.GetProperty("operations").EnumerateArray()).ToDictionary(operation => operation.GetProperty("id").GetString()!);
    }

    public static SchemaReference Instance { get; } = Load();

    /// <summary>Docker's operations.</summary>
    public IReadOnlyList<string> Operations { get; }
    /// <summary>Wharf's own.</summary>
    public IReadOnlyList<string> OwnOperations { get; }
    public JsonElement Operation(string id) => _operations[id];
    public JsonElement Definition(string name) => _root.GetProperty("definitions").GetProperty(name);

    /// <summary>Names of the parameters that travel in <paramref name="place"/>: query, path, header or body.</summary>
    public IEnumerable<string> Parameters(string operation, string place) =>
        Operation(operation).GetProperty("parameters").EnumerateArray().Where(parameter => parameter.GetProperty("in").GetString() == place).Select(parameter => parameter.GetProperty("name").GetString()!);

    /// <summary>Whether a path without its query is one of the operation's.</summary>
    public bool IsPathOf(string operation, string path) =>
        Regex.IsMatch(path, "^" + Regex.Replace(Operation(operation).GetProperty("path").GetString()!, @"\{\w+\}", ".+") + "$");

    private static SchemaReference Load()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            var api = Path.Combine(directory.FullName, "src", "Wharf.Daemon", "Api");
            if (Directory.Exists(api)) return new SchemaReference(Parse(Path.Combine(api, "engine-api-1.51.json")), Parse(Path.Combine(api, "wharf-api.json")));
        }
        throw new DirectoryNotFoundException("src/Wharf.Daemon/Api is not above the tests");
    }

    private static JsonElement Parse(string path) => JsonDocument.Parse(File.ReadAllBytes(path)).RootElement;

    private static IEnumerable<string> Ids(JsonElement document) => document.GetProperty("operations").EnumerateArray().Select(operation => operation.GetProperty("id").GetString()!);
}
