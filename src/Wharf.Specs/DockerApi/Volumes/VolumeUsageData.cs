using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>VolumeUsageData</c>. Absent and null mean the same.</summary>
public sealed record VolumeUsageData
{
    public long? Size { get; set; }
    public long? RefCount { get; set; }
}
