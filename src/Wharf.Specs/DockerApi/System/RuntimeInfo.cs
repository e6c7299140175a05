using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>RuntimeInfo</c>. Absent and null mean the same.</summary>
public sealed record RuntimeInfo
{
    [JsonPropertyName("path")]
    public string? Path { get; set; }
    [JsonPropertyName("runtimeArgs")]
    public List<string>? RuntimeArgs { get; set; }
    [JsonPropertyName("status")]
    public Dictionary<string, string>? Status { get; set; }
}
