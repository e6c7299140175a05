using System.Text.Json.Serialization;

namespace Wharf.Daemon.Registry.Api;

internal sealed record WhoAmI
{
    [JsonPropertyName("name")] public required string Name { get; init; }
    [JsonPropertyName("admin")] public bool IsAdmin { get; init; }
    [JsonPropertyName("loginNeeded")] public bool LoginNeeded { get; init; }
}

internal sealed record RepositorySummary
{
    [JsonPropertyName("name")] public required string Name { get; init; }
    [JsonPropertyName("tags")] public int Tags { get; init; }
    [JsonPropertyName("more")] public bool HasMore { get; init; }
}

internal sealed record RepositoryDetail
{
    [JsonPropertyName("name")] public required string Name { get; init; }
    [JsonPropertyName("tags")] public required List<TagDetail> Tags { get; init; }
    [JsonPropertyName("more")] public bool HasMore { get; init; }
    [JsonPropertyName("mayWrite")] public bool MayWrite { get; init; }
    [JsonPropertyName("mayDelete")] public bool MayDelete { get; init; }
}

internal sealed record TagDetail
{
    [JsonPropertyName("name")] public required string Name { get; init; }
    [JsonPropertyName("digest")] public required string Digest { get; init; }
    [JsonPropertyName("mediaType")] public required string MediaType { get; init; }
    [JsonPropertyName("artifactType")] public string? ArtifactType { get; init; }
    [JsonPropertyName("updated")] public DateTimeOffset Updated { get; init; }
    [JsonPropertyName("by")] public string? By { get; init; }
    [JsonPropertyName("pulled")] public DateTimeOffset? Pulled { get; init; }
    [JsonPropertyName("immutable")] public bool IsImmutable { get; init; }
}

internal sealed record CollectAnswer
{
    [JsonPropertyName("blobs")] public int Blobs { get; init; }
    [JsonPropertyName("bytes")] public long Bytes { get; init; }
    [JsonPropertyName("manifests")] public int Manifests { get; init; }
    [JsonPropertyName("tags")] public int Tags { get; init; }
    [JsonPropertyName("uploads")] public int Uploads { get; init; }
}

internal sealed record ScrubAnswer
{
    [JsonPropertyName("damaged")] public int Damaged { get; init; }
}

internal sealed record RobotSecret
{
    [JsonPropertyName("user")] public required string User { get; init; }
    [JsonPropertyName("secret")] public required string Secret { get; init; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(WhoAmI))]
[JsonSerializable(typeof(List<RepositorySummary>))]
[JsonSerializable(typeof(RepositoryDetail))]
[JsonSerializable(typeof(CollectAnswer))]
[JsonSerializable(typeof(ScrubAnswer))]
[JsonSerializable(typeof(RobotSecret))]
internal sealed partial class AdminJson : JsonSerializerContext;
