using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerBlkioStats</c>. Absent and null mean the same.</summary>
public sealed record ContainerBlkioStats
{
    [JsonPropertyName("io_service_bytes_recursive"), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<ContainerBlkioStatEntry>? IoServiceBytesRecursive { get; set; }
    [JsonPropertyName("io_serviced_recursive"), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<ContainerBlkioStatEntry>? IoServicedRecursive { get; set; }
    [JsonPropertyName("io_queue_recursive"), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<ContainerBlkioStatEntry>? IoQueueRecursive { get; set; }
    [JsonPropertyName("io_service_time_recursive"), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<ContainerBlkioStatEntry>? IoServiceTimeRecursive { get; set; }
    [JsonPropertyName("io_wait_time_recursive"), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<ContainerBlkioStatEntry>? IoWaitTimeRecursive { get; set; }
    [JsonPropertyName("io_merged_recursive"), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<ContainerBlkioStatEntry>? IoMergedRecursive { get; set; }
    [JsonPropertyName("io_time_recursive"), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<ContainerBlkioStatEntry>? IoTimeRecursive { get; set; }
    [JsonPropertyName("sectors_recursive"), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<ContainerBlkioStatEntry>? SectorsRecursive { get; set; }
}
