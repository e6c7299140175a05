using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ProgressDetail</c>. Absent and null mean the same.</summary>
public sealed record ProgressDetail
{
    [JsonPropertyName("current")]
    public long? Current { get; set; }
    [JsonPropertyName("total")]
    public long? Total { get; set; }
}
