using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerUpdateRequest</c>. Absent and null mean the same.</summary>
public sealed record ContainerUpdateRequest
{
    public long? CpuShares { get; set; }
    public long? Memory { get; set; }
    public string? CgroupParent { get; set; }
    public long? BlkioWeight { get; set; }
    public List<HostConfigBlkioWeightDevice>? BlkioWeightDevice { get; set; }
    public List<ThrottleDevice>? BlkioDeviceReadBps { get; set; }
    public List<ThrottleDevice>? BlkioDeviceWriteBps { get; set; }
    public List<ThrottleDevice>? BlkioDeviceReadIOps { get; set; }
    public List<ThrottleDevice>? BlkioDeviceWriteIOps { get; set; }
    public long? CpuPeriod { get; set; }
    public long? CpuQuota { get; set; }
    public long? CpuRealtimePeriod { get; set; }
    public long? CpuRealtimeRuntime { get; set; }
    public string? CpusetCpus { get; set; }
    public string? CpusetMems { get; set; }
    public List<DeviceMapping>? Devices { get; set; }
    public List<string>? DeviceCgroupRules { get; set; }
    public List<DeviceRequest>? DeviceRequests { get; set; }
    /// <summary>Until API 1.41.</summary>
    public long? KernelMemory { get; set; }
    public long? KernelMemoryTCP { get; set; }
    public long? MemoryReservation { get; set; }
    public long? MemorySwap { get; set; }
    public long? MemorySwappiness { get; set; }
    public long? NanoCpus { get; set; }
    public bool? OomKillDisable { get; set; }
    public bool? Init { get; set; }
    public long? PidsLimit { get; set; }
    public List<HostConfigUlimits>? Ulimits { get; set; }
    public long? CpuCount { get; set; }
    public long? CpuPercent { get; set; }
    public long? IOMaximumIOps { get; set; }
    public long? IOMaximumBandwidth { get; set; }
    public RestartPolicy? RestartPolicy { get; set; }
    /// <summary>Wharf's own: <c>NAME=value</c> sets a variable, <c>NAME</c> takes it away.</summary>
    public List<string>? Env { get; set; }
    /// <summary>Wharf's own: what is given of it replaces what the container has.</summary>
    public HealthConfig? Healthcheck { get; set; }
}
