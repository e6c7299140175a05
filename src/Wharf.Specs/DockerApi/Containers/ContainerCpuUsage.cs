using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerCpuUsage</c>. Absent and null mean the same.</summary>
public sealed record ContainerCpuUsage
{
    [JsonPropertyName("total_usage")]
    public ulong? TotalUsage { get; set; }
    [JsonPropertyName("percpu_usage")]
    public List<ulong>? PercpuUsage { get; set; }
    [JsonPropertyName("usage_in_kernelmode")]
    public ulong? UsageInKernelmode { get; set; }
    [JsonPropertyName("usage_in_usermode")]
    public ulong? UsageInUsermode { get; set; }
}
