using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>Mount</c>. Absent and null mean the same.</summary>
public sealed record Mount
{
    public string? Target { get; set; }
    public string? Source { get; set; }
    public string? Type { get; set; }
    public bool? ReadOnly { get; set; }
    public string? Consistency { get; set; }
    public MountBindOptions? BindOptions { get; set; }
    public MountVolumeOptions? VolumeOptions { get; set; }
    public MountImageOptions? ImageOptions { get; set; }
    public MountTmpfsOptions? TmpfsOptions { get; set; }
    /// <summary>Wharf's own, of type <c>artifact</c>.</summary>
    public MountArtifactOptions? ArtifactOptions { get; set; }
}
