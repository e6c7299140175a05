using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ErrorDetail</c>. Absent and null mean the same.</summary>
public sealed record ErrorDetail
{
    [JsonPropertyName("code")]
    public long? Code { get; set; }
    [JsonPropertyName("message")]
    public string? Message { get; set; }
}
