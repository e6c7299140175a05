using System.Text.Json.Serialization;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>A manifest in a repository: what its link says. Times in UTC.</summary>
public sealed record ManifestRecord
{
    [JsonIgnore] public Digest Digest { get; set; }
    [JsonPropertyName("mediaType")] public required string MediaType { get; set; }
    [JsonPropertyName("size")] public long Size { get; set; }
    [JsonPropertyName("artifactType")] public string? ArtifactType { get; set; }
    [JsonPropertyName("subject")] public Digest? Subject { get; set; }
    [JsonPropertyName("config")] public Digest? Config { get; set; }
    [JsonPropertyName("annotations")] public IReadOnlyDictionary<string, string>? Annotations { get; set; }
    [JsonPropertyName("references")] public IReadOnlyList<Digest> References { get; set; } = [];
    [JsonPropertyName("pushed")] public DateTimeOffset Pushed { get; set; }
    [JsonPropertyName("by")] public string? By { get; set; }

    /// <summary>The descriptor that the referrers list shows.</summary>
    public Descriptor ToDescriptor() => new()
    {
        MediaType = MediaType, Digest = Digest, Size = Size, ArtifactType = string.IsNullOrEmpty(ArtifactType) ? null : ArtifactType,
        Annotations = Annotations is { Count: > 0 } ? new Dictionary<string, string>(Annotations) : null,
    };
}

/// <summary>Where a tag points, since when, and by whom.</summary>
public sealed record TagRecord
{
    [JsonPropertyName("digest")] public required Digest Digest { get; set; }
    [JsonPropertyName("updated")] public DateTimeOffset Updated { get; set; }
    [JsonPropertyName("by")] public string? By { get; set; }
}

/// <summary>A page of names and whether there are more after it.</summary>
public sealed record NamePage(IReadOnlyList<string> Names, bool HasMore);

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ManifestRecord))]
[JsonSerializable(typeof(TagRecord))]
internal sealed partial class RecordJson : JsonSerializerContext;
