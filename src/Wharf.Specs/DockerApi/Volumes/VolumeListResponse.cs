using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>VolumeListResponse</c>. Absent and null mean the same.</summary>
public sealed record VolumeListResponse
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<Volume>? Volumes { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? Warnings { get; set; }
}
