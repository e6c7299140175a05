using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>PortSummary</c>. Absent and null mean the same.</summary>
public sealed record PortSummary
{
    public string? IP { get; set; }
    public long? PrivatePort { get; set; }
    public long? PublicPort { get; set; }
    public string? Type { get; set; }
}
