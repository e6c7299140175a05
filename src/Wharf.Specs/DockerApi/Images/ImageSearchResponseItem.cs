using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageSearchResponseItem</c>. Absent and null mean the same.</summary>
public sealed record ImageSearchResponseItem
{
    [JsonPropertyName("description")]
    public string? Description { get; set; }
    [JsonPropertyName("is_official")]
    public bool? IsOfficial { get; set; }
    [JsonPropertyName("is_automated")]
    public bool? IsAutomated { get; set; }
    [JsonPropertyName("name")]
    public string? Name { get; set; }
    [JsonPropertyName("star_count")]
    public long? StarCount { get; set; }
}
