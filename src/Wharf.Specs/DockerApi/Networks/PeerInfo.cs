using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>PeerInfo</c>. Absent and null mean the same.</summary>
public sealed record PeerInfo
{
    public string? Name { get; set; }
    public string? IP { get; set; }
}
