using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>NetworkPruneResponse</c>. Absent and null mean the same.</summary>
public sealed record NetworkPruneResponse
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? NetworksDeleted { get; set; }
}
