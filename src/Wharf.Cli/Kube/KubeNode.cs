using System.Globalization;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Kube;

/// <summary>A mapping of a Kubernetes document. What of it nobody asked for is not understood, which <see cref="Close"/> tells by kind, name and field.</summary>
internal sealed class KubeNode(string document, string path, JsonObject map)
{
    private readonly HashSet<string> known = [];
    private readonly List<KubeNode> children = [];

    public CliException Wrong(string key, string why) => new($"Error: {document}: {Path(key)}: {why}");

    public string? Text(string key) => Value(key) switch
    {
        null => null,
        JsonValue value => value.GetValue<string>(),
        _ => throw Wrong(key, "it is no text"),
    };

    public string Required(string key) => Text(key) is { Length: > 0 } text ? text : throw Wrong(key, "it is missing");

    public bool? Bool(string key) => Text(key) switch
    {
        null => null,
        "true" => true,
        "false" => false,
        var text => throw Wrong(key, $"\"{text}\" is neither true nor false"),
    };

    public long? Number(string key) => Text(key) is not { } text ? null : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Wrong(key, $"\"{text}\" is no whole number");

    /// <summary>One of several words; null when there is none.</summary>
    public string? Choice(string key, params ReadOnlySpan<string> words) =>
        Text(key) is not { } text ? null : words.Contains(text) ? text : throw Wrong(key, $"\"{text}\" is none of {string.Join(", ", words)}");

    public KubeNode? Object(string key) => Value(key) switch
    {
        null => null,
        JsonObject inner => Child(Path(key), inner),
        _ => throw Wrong(key, "it is no mapping"),
    };

    public List<KubeNode> Objects(string key) =>
        [.. List(key).Select((item, i) => item is JsonObject inner ? Child($"{Path(key)}[{i}]", inner) : throw Wrong($"{key}[{i}]", "it is no mapping"))];

    /// <summary>Null when there is no such list.</summary>
    public List<string>? Texts(string key) =>
        Value(key) is null ? null : [.. List(key).Select((item, i) => item is JsonValue value ? value.GetValue<string>() : item is null ? "" : throw Wrong($"{key}[{i}]", "it is no text"))];

    /// <summary>A mapping from names to texts.</summary>
    public Dictionary<string, string> Map(string key) => Object(key) is { } inner ? inner.Texts() : [];

    private Dictionary<string, string> Texts() => map.Select(entry => entry.Key).ToDictionary(key => key, key => Text(key) ?? "");

    /// <summary>Fields that mean nothing on one machine.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys) known.Add(key);
    }

    /// <summary>Tells the first field, here or below, that was not asked for.</summary>
    public void Close()
    {
        foreach (var (key, value) in map)
            if (value is not null && !known.Contains(key)) throw Wrong(key, "it is not understood");
        foreach (var child in children) child.Close();
    }

    private JsonNode? Value(string key)
    {
        known.Add(key);
        return map[key];
    }

    private JsonArray List(string key) => Value(key) switch { null => [], JsonArray list => list, _ => throw Wrong(key, "it is no list") };

    private KubeNode Child(string at, JsonObject inner)
    {
        var child = new KubeNode(document, at, inner);
        children.Add(child);
        return child;
    }

    private string Path(string key) => path == "" ? key : $"{path}.{key}";
}
