using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerStatsResponse</c>. Absent and null mean the same.</summary>
public sealed record ContainerStatsResponse
{
    [JsonPropertyName("name")]
    public string? Name { get; set; }
    [JsonPropertyName("id")]
    public string? Id { get; set; }
    [JsonPropertyName("read")]
    public string? Read { get; set; }
    [JsonPropertyName("preread")]
    public string? Preread { get; set; }
    [JsonPropertyName("pids_stats")]
    public ContainerPidsStats? PidsStats { get; set; }
    [JsonPropertyName("blkio_stats")]
    public ContainerBlkioStats? BlkioStats { get; set; }
    [JsonPropertyName("num_procs")]
    public long? NumProcs { get; set; }
    [JsonPropertyName("storage_stats")]
    public ContainerStorageStats? StorageStats { get; set; }
    [JsonPropertyName("cpu_stats")]
    public ContainerCpuStats? CpuStats { get; set; }
    [JsonPropertyName("precpu_stats")]
    public ContainerCpuStats? PrecpuStats { get; set; }
    [JsonPropertyName("memory_stats")]
    public ContainerMemoryStats? MemoryStats { get; set; }
    [JsonPropertyName("networks")]
    public Dictionary<string, ContainerNetworkStats>? Networks { get; set; }
}
