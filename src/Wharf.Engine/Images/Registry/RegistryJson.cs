using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wharf.Engine.Images.Registry;

/// <summary>A token service's answer.</summary>
internal sealed record TokenResponse
{
    [JsonPropertyName("token")] public string? Token { get; set; }
    [JsonPropertyName("access_token")] public string? AccessToken { get; set; }
    [JsonPropertyName("refresh_token")] public string? RefreshToken { get; set; }
    [JsonPropertyName("expires_in")] public long? ExpiresIn { get; set; }
}

/// <summary>A registry's error answer.</summary>
internal sealed record RegistryErrors
{
    [JsonPropertyName("errors")] public List<RegistryError>? Errors { get; set; }
    /// <summary>Token services that are no registries write <c>details</c> or <c>error_description</c>.</summary>
    [JsonPropertyName("details")] public JsonElement? Details { get; set; }
}

internal sealed record RegistryError
{
    [JsonPropertyName("code")] public string? Code { get; set; }
    [JsonPropertyName("message")] public string? Message { get; set; }
}

/// <summary>Answer of <c>/v2/NAME/tags/list</c>.</summary>
internal sealed record TagList
{
    [JsonPropertyName("tags")] public List<string>? Tags { get; set; }
}

/// <summary>Answer of <c>/v1/search</c>.</summary>
internal sealed record SearchResults
{
    [JsonPropertyName("results")] public List<Specs.DockerApi.ImageSearchResponseItem>? Results { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, MaxDepth = 16)]
[JsonSerializable(typeof(TokenResponse))]
[JsonSerializable(typeof(RegistryErrors))]
[JsonSerializable(typeof(TagList))]
[JsonSerializable(typeof(SearchResults))]
internal sealed partial class RegistryJson : JsonSerializerContext;
