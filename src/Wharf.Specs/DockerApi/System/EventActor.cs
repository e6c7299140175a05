using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>EventActor</c>. Absent and null mean the same.</summary>
public sealed record EventActor
{
    public string? ID { get; set; }
    public Dictionary<string, string>? Attributes { get; set; }
}
