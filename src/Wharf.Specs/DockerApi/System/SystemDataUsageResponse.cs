using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>SystemDataUsageResponse</c>. Absent and null mean the same.</summary>
public sealed record SystemDataUsageResponse
{
    public long? LayersSize { get; set; }
    public List<ImageSummary>? Images { get; set; }
    public List<ContainerSummary>? Containers { get; set; }
    public List<Volume>? Volumes { get; set; }
    public List<BuildCache>? BuildCache { get; set; }
}
