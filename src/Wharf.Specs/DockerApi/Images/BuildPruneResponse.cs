using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>BuildPruneResponse</c>. Absent and null mean the same.</summary>
public sealed record BuildPruneResponse
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<string>? CachesDeleted { get; set; }
    public long? SpaceReclaimed { get; set; }
}
