using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerThrottlingData</c>. Absent and null mean the same.</summary>
public sealed record ContainerThrottlingData
{
    [JsonPropertyName("periods")]
    public ulong? Periods { get; set; }
    [JsonPropertyName("throttled_periods")]
    public ulong? ThrottledPeriods { get; set; }
    [JsonPropertyName("throttled_time")]
    public ulong? ThrottledTime { get; set; }
}
