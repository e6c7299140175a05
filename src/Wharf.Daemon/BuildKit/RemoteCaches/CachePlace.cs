using System.Text.Json;
using Wharf.Daemon.BuildKit.Export;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.RemoteCaches;

/// <summary>A source or a target of cache as the client named it. Its attributes may hold credentials: they are in no message.</summary>
internal sealed record CachePlace(string Type, IReadOnlyDictionary<string, string> Attributes)
{
    public const string Inline = "inline", Registry = "registry", Local = "local", LocalPrefix = "local:", S3 = "s3", Azure = "azblob", Actions = "gha";

    public string this[string key] => Attributes.GetValueOrDefault(key, "");

    public bool Flag(string key, bool absent = false) => new ExportAttributes(Attributes).Flag(key, absent);

    /// <summary>The first of some attributes that is given, else what a variable of the daemon says.</summary>
    public string? Given(string key, string? variable = null) => this[key] is { Length: > 0 } value ? value : variable is null ? null : Environment.GetEnvironmentVariable(variable) is { Length: > 0 } own ? own : null;

    /// <summary>The place in words.</summary>
    public string Text => Type switch
    {
        Registry => this["ref"],
        Local => LocalPrefix + this["src"],
        S3 => $"s3:{this["bucket"]}/{this["prefix"]}{Name}",
        Azure => $"azblob:{this["container"]}/{this["prefix"]}{Name}",
        Actions => $"gha:{Given("scope") ?? "buildkit"}",
        _ => Type,
    };

    private string Name => Given("name") ?? RemoteCache.DefaultName;

    /// <summary>What exporting to it is called.</summary>
    public string Exporting => Type switch
    {
        Registry => "exporting cache to registry", S3 => "exporting cache to Amazon S3", Azure => "exporting cache to Azure Blob Storage", Actions => "exporting cache to GitHub Actions Cache", _ => "exporting cache to client directory",
    };

    /// <summary>Refuses what cannot be exported to.</summary>
    public void CheckExport()
    {
        switch (Type)
        {
            case Inline: break;
            case Registry when this["ref"].Length == 0: throw WharfException.Invalid("ref not set for registry cache exporter");
            case Local when this["dest"].Length == 0: throw WharfException.Invalid("dest not set for local cache exporter");
            case Registry or Local: break;
            default:
                if (!RemoteCache.Knows(Type)) throw WharfException.NotImplemented($"cache exporter {Type} is not supported: use type=registry, local, inline, s3, azblob or gha");
                RemoteCache.Open(this).Dispose();
                break;
        }
        if (this["mode"] is not ("" or "min" or "max")) throw WharfException.Invalid($"invalid cache export mode: {this["mode"]}");
        _ = new ExportAttributes(Attributes).Compression;
    }

    /// <summary>Places from JSON, as buildx sends those to import from.</summary>
    public static List<CachePlace> Parse(string json)
    {
        if (json.Length == 0) return [];
        try
        {
            using var document = JsonDocument.Parse(json);
            return [.. document.RootElement.EnumerateArray().Select(static entry => new CachePlace(entry.GetProperty("Type").GetString() ?? "", AttributesOf(entry)))];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw WharfException.Invalid($"failed to unmarshal cache-imports: {error.Message}", error);
        }
    }

    private static Dictionary<string, string> AttributesOf(JsonElement entry)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!entry.TryGetProperty("Attrs", out var given) || given.ValueKind != JsonValueKind.Object) return attributes;
        foreach (var attribute in given.EnumerateObject()) attributes[attribute.Name] = attribute.Value.GetString() ?? "";
        return attributes;
    }
}
