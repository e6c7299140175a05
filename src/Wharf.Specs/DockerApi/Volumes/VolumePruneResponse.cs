using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>VolumePruneResponse</c>. Absent and null mean the same.</summary>
public sealed record VolumePruneResponse
{
    public List<string>? VolumesDeleted { get; set; }
    public long? SpaceReclaimed { get; set; }
}
