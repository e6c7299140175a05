using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>VolumeCreateOptions</c>. Absent and null mean the same.</summary>
public sealed record VolumeCreateOptions
{
    public string? Name { get; set; }
    public string? Driver { get; set; }
    public Dictionary<string, string>? DriverOpts { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
    public System.Text.Json.JsonElement? ClusterVolumeSpec { get; set; }
}
