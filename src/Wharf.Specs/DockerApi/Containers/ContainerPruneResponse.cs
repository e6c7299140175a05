using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerPruneResponse</c>. Absent and null mean the same.</summary>
public sealed record ContainerPruneResponse
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? ContainersDeleted { get; set; }
    public long? SpaceReclaimed { get; set; }
}
