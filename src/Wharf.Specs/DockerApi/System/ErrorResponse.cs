using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ErrorResponse</c>. Absent and null mean the same.</summary>
public sealed record ErrorResponse
{
    [JsonPropertyName("message")]
    public string? Message { get; set; }
}
