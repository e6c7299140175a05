using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>PortBinding</c>. Absent and null mean the same.</summary>
public sealed record PortBinding
{
    public string? HostIp { get; set; } = "";
    public string? HostPort { get; set; } = "";
}
