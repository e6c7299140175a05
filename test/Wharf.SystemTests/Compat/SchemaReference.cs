using System.Text.Json;
using System.Text.RegularExpressions;

namespace Wharf.SystemTests.Compat;

/// <summary>The operations and types of the Engine API v1.51, from what the daemon serves as its document.</summary>
public sealed class SchemaReference
{
    private readonly JsonElement _root;
    private readonly Dictionary<string, JsonElement> _operations;

    private SchemaReference(JsonElement root)
    {
        _root = root;
        _operations = root.GetProperty("operations").EnumerateArray().ToDictionary(operation => operation.GetProperty("id").GetString()!);
    }

    public static SchemaReference Instance { get; } = Load();

    public IEnumerable<string> Operations => _operations.Keys;
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
            var path = Path.Combine(directory.FullName, "src", "Wharf.Daemon", "Api", "engine-api-1.51.json");
            if (File.Exists(path)) return new SchemaReference(JsonDocument.Parse(File.ReadAllBytes(path)).RootElement);
        }
        throw new FileNotFoundException("src/Wharf.Daemon/Api/engine-api-1.51.json is not above the tests");
    }
}
