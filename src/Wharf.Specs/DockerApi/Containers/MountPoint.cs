using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>MountPoint</c>. Absent and null mean the same.</summary>
public sealed record MountPoint
{
    public string? Type { get; set; }
    public string? Name { get; set; }
    public string? Source { get; set; }
    public string? Destination { get; set; }
    public string? Driver { get; set; }
    public string? Mode { get; set; }
    public bool? RW { get; set; }
    public string? Propagation { get; set; }
    /// <summary>Wharf's own, of type <c>artifact</c>.</summary>
    public MountArtifactOptions? ArtifactOptions { get; set; }
}
