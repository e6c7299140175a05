using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>EventMessage</c>. Absent and null mean the same.</summary>
public sealed record EventMessage
{
    /// <summary>The action again, of containers and images, under the name clients of old look for; so <see cref="LegacyId"/> and <see cref="LegacyFrom"/>.</summary>
    [JsonPropertyName("status")]
    public string? LegacyStatus { get; set; }
    [JsonPropertyName("id")]
    public string? LegacyId { get; set; }
    [JsonPropertyName("from")]
    public string? LegacyFrom { get; set; }
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
