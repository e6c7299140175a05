using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>PeerNode</c>. Absent and null mean the same.</summary>
public sealed record PeerNode
{
    public string? NodeID { get; set; }
    public string? Addr { get; set; }
}
