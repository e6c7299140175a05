using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerUpdateResponse</c>. Absent and null mean the same.</summary>
public sealed record ContainerUpdateResponse
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? Warnings { get; set; }
}
