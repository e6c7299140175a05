using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>EventMessage</c>. Absent and null mean the same.</summary>
public sealed record EventMessage
{
    public string? Type { get; set; }
    public string? Action { get; set; }
    public EventActor? Actor { get; set; }
    [JsonPropertyName("scope")]
    public string? Scope { get; set; }
    [JsonPropertyName("time")]
    public long? Time { get; set; }
    [JsonPropertyName("timeNano")]
    public long? TimeNano { get; set; }
}
