using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>PushImageInfo</c>. Absent and null mean the same.</summary>
public sealed record PushImageInfo
{
    [JsonPropertyName("error")]
    public string? Error { get; set; }
    [JsonPropertyName("errorDetail")]
    public ErrorDetail? ErrorDetail { get; set; }
    [JsonPropertyName("status")]
    public string? Status { get; set; }
    [JsonPropertyName("progress")]
    public string? Progress { get; set; }
    [JsonPropertyName("progressDetail")]
    public ProgressDetail? ProgressDetail { get; set; }
}
