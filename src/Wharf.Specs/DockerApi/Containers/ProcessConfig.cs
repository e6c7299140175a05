using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ProcessConfig</c>. Absent and null mean the same.</summary>
public sealed record ProcessConfig
{
    [JsonPropertyName("privileged")]
    public bool? Privileged { get; set; }
    [JsonPropertyName("user")]
    public string? User { get; set; }
    [JsonPropertyName("tty")]
    public bool? Tty { get; set; }
    [JsonPropertyName("entrypoint")]
    public string? Entrypoint { get; set; }
    [JsonPropertyName("arguments")]
    public List<string>? Arguments { get; set; }
}
