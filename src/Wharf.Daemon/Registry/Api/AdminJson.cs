using System.Text.Json.Serialization;

namespace Wharf.Daemon.Registry.Api;

internal sealed record WhoAmI
{
    [JsonPropertyName("name")] public required string Name { get; set; }
    [JsonPropertyName("admin")] public bool IsAdmin { get; set; }
    [JsonPropertyName("loginNeeded")] public bool LoginNeeded { get; set; }
    /// <summary>Issuers to log in at in the browser: names of <c>/login/oidc?issuer=0</c> and on.</summary>
    [JsonPropertyName("logins")] public IReadOnlyList<string>? Logins { get; set; }
}

internal sealed record RepositorySummary
{
    [JsonPropertyName("name")] public required string Name { get; set; }
    [JsonPropertyName("tags")] public int Tags { get; set; }
    [JsonPropertyName("more")] public bool HasMore { get; set; }
}

internal sealed record RepositoryDetail
{
    [JsonPropertyName("name")] public required string Name { get; set; }
    [JsonPropertyName("tags")] public required List<TagDetail> Tags { get; set; }
    [JsonPropertyName("more")] public bool HasMore { get; set; }
    /// <summary>The tag to go on after.</summary>
    [JsonPropertyName("last")] public string? Last { get; set; }
    [JsonPropertyName("mayWrite")] public bool MayWrite { get; set; }
    [JsonPropertyName("mayDelete")] public bool MayDelete { get; set; }
}

internal sealed record TagDetail
{
    [JsonPropertyName("name")] public required string Name { get; set; }
    [JsonPropertyName("digest")] public required string Digest { get; set; }
    [JsonPropertyName("mediaType")] public required string MediaType { get; set; }
    [JsonPropertyName("artifactType")] public string? ArtifactType { get; set; }
    [JsonPropertyName("updated")] public DateTimeOffset Updated { get; set; }
    [JsonPropertyName("by")] public string? By { get; set; }
    [JsonPropertyName("pulled")] public DateTimeOffset? Pulled { get; set; }
    /// <summary>Names of the keys that signed it; null where no key counts.</summary>
    [JsonPropertyName("signers")] public IReadOnlyList<string>? Signers { get; set; }
    [JsonPropertyName("immutable")] public bool IsImmutable { get; set; }
}

internal sealed record SearchAnswer
{
    [JsonPropertyName("query")] public required string Query { get; set; }
    [JsonPropertyName("num_results")] public int Count { get; set; }
    [JsonPropertyName("num_pages")] public int Pages { get; set; } = 1;
    [JsonPropertyName("page")] public int Page { get; set; } = 1;
    [JsonPropertyName("page_size")] public int PageSize { get; set; }
    [JsonPropertyName("results")] public required List<SearchResult> Results { get; set; }
}

internal sealed record SearchResult
{
    [JsonPropertyName("name")] public required string Name { get; set; }
    [JsonPropertyName("description")] public string Description { get; set; } = "";
    [JsonPropertyName("star_count")] public int Stars { get; set; }
    [JsonPropertyName("is_official")] public bool IsOfficial { get; set; }
    [JsonPropertyName("is_automated")] public bool IsAutomated { get; set; }
}

internal sealed record CollectAnswer
{
    [JsonPropertyName("blobs")] public int Blobs { get; set; }
    [JsonPropertyName("bytes")] public long Bytes { get; set; }
    [JsonPropertyName("manifests")] public int Manifests { get; set; }
    [JsonPropertyName("tags")] public int Tags { get; set; }
    [JsonPropertyName("uploads")] public int Uploads { get; set; }
}

internal sealed record ScrubAnswer
{
    [JsonPropertyName("damaged")] public int Damaged { get; set; }
}

internal sealed record RobotSecret
{
    [JsonPropertyName("user")] public required string User { get; set; }
    [JsonPropertyName("secret")] public required string Secret { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(WhoAmI))]
[JsonSerializable(typeof(List<RepositorySummary>))]
[JsonSerializable(typeof(RepositoryDetail))]
[JsonSerializable(typeof(CollectAnswer))]
[JsonSerializable(typeof(SearchAnswer))]
[JsonSerializable(typeof(ScrubAnswer))]
[JsonSerializable(typeof(RobotSecret))]
internal sealed partial class AdminJson : JsonSerializerContext;
