using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>HostConfigUlimits</c>. Absent and null mean the same.</summary>
public sealed record HostConfigUlimits
{
    public string? Name { get; set; }
    public long? Soft { get; set; }
    public long? Hard { get; set; }
}
