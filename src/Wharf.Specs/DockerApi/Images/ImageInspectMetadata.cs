using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageInspectMetadata</c>. Absent and null mean the same.</summary>
public sealed record ImageInspectMetadata
{
    public string? LastTagTime { get; set; }
}
