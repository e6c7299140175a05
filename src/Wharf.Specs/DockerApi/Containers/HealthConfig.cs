using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>HealthConfig</c>. Absent and null mean the same.</summary>
public sealed record HealthConfig
{
    public List<string>? Test { get; set; }
    public long? Interval { get; set; }
    public long? Timeout { get; set; }
    public long? Retries { get; set; }
    public long? StartPeriod { get; set; }
    public long? StartInterval { get; set; }
}
