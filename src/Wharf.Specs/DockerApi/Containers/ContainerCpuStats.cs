using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerCpuStats</c>. Absent and null mean the same.</summary>
public sealed record ContainerCpuStats
{
    [JsonPropertyName("cpu_usage")]
    public ContainerCpuUsage? CpuUsage { get; set; }
    [JsonPropertyName("system_cpu_usage")]
    public ulong? SystemCpuUsage { get; set; }
    [JsonPropertyName("online_cpus")]
    public long? OnlineCpus { get; set; }
    [JsonPropertyName("throttling_data")]
    public ContainerThrottlingData? ThrottlingData { get; set; }
}
