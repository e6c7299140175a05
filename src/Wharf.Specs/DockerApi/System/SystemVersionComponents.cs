using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>SystemVersionComponents</c>. Absent and null mean the same.</summary>
public sealed record SystemVersionComponents
{
    public string? Name { get; set; }
    public string? Version { get; set; }
    public System.Text.Json.JsonElement? Details { get; set; }
}
