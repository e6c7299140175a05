using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>DeviceInfo</c>. Absent and null mean the same.</summary>
public sealed record DeviceInfo
{
    public string? Source { get; set; }
    public string? ID { get; set; }
}
