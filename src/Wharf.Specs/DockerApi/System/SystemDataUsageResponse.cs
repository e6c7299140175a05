using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>SystemDataUsageResponse</c>. Absent and null mean the same.</summary>
public sealed record SystemDataUsageResponse
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public long? LayersSize { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<ImageSummary>? Images { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<ContainerSummary>? Containers { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<Volume>? Volumes { get; set; }
    /// <summary>Until API 1.41.</summary>
    public long? BuilderSize { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<BuildCache>? BuildCache { get; set; }
}
