using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>One line of the progress streams of pull, push, load, import and build, as docker's clients render it.</summary>
public sealed record JsonMessage
{
    [JsonPropertyName("stream")] public string? Stream { get; set; }
    [JsonPropertyName("status")] public string? Status { get; set; }
    [JsonPropertyName("progressDetail")] public ProgressDetail? ProgressDetail { get; set; }
    [JsonPropertyName("progress")] public string? Progress { get; set; }
    [JsonPropertyName("id")] public string? Id { get; set; }
    [JsonPropertyName("errorDetail")] public ErrorDetail? ErrorDetail { get; set; }
    [JsonPropertyName("error")] public string? Error { get; set; }
    [JsonPropertyName("aux")] public JsonElement? Aux { get; set; }
}

/// <summary>What a push tells at its end.</summary>
public sealed record PushResult { public string? Tag { get; set; } public string? Digest { get; set; } public long? Size { get; set; } }

/// <summary>One image of a docker archive (<c>manifest.json</c>).</summary>
public sealed record ArchiveManifest
{
    public string? Config { get; set; }
    public List<string>? RepoTags { get; set; }
    public List<string>? Layers { get; set; }
    public Dictionary<string, Wharf.Specs.Image.Descriptor>? LayerSources { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 32)]
[JsonSerializable(typeof(JsonMessage))]
[JsonSerializable(typeof(PushResult))]
[JsonSerializable(typeof(List<ArchiveManifest>))]
[JsonSerializable(typeof(SortedDictionary<string, SortedDictionary<string, string>>))]
[JsonSerializable(typeof(Dictionary<string, AuthConfig>))]
[JsonSerializable(typeof(List<HostConfigUlimits>))]
public sealed partial class JsonMessageJson : JsonSerializerContext
{
    /// <summary>For documents in archives: a plus sign stands as itself, as every other tool writes it.</summary>
    public static JsonMessageJson Plain => PlainContext.Instance;

    // Made when first used, when the generated part has its own statics.
    private static class PlainContext
    {
        public static readonly JsonMessageJson Instance = new(new JsonSerializerOptions(Default.Options) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}
