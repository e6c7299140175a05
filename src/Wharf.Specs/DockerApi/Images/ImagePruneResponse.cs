using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImagePruneResponse</c>. Absent and null mean the same.</summary>
public sealed record ImagePruneResponse
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<ImageDeleteResponseItem>? ImagesDeleted { get; set; }
    public long? SpaceReclaimed { get; set; }
}
