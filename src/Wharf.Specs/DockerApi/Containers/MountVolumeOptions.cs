using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>MountVolumeOptions</c>. Absent and null mean the same.</summary>
public sealed record MountVolumeOptions
{
    public bool? NoCopy { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
    public MountVolumeOptionsDriverConfig? DriverConfig { get; set; }
    public string? Subpath { get; set; }
}
