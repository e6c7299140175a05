using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>BuildInfo</c>. Absent and null mean the same.</summary>
public sealed record BuildInfo
{
    [JsonPropertyName("id")]
    public string? Id { get; set; }
    [JsonPropertyName("stream")]
    public string? Stream { get; set; }
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
    [JsonPropertyName("aux")]
    public ImageIdAux? Aux { get; set; }
}
