using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>MountVolumeOptionsDriverConfig</c>. Absent and null mean the same.</summary>
public sealed record MountVolumeOptionsDriverConfig
{
    public string? Name { get; set; }
    public Dictionary<string, string>? Options { get; set; }
}
