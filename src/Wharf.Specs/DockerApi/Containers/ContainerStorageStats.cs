using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerStorageStats</c>. Absent and null mean the same.</summary>
public sealed record ContainerStorageStats
{
    [JsonPropertyName("read_count_normalized")]
    public ulong? ReadCountNormalized { get; set; }
    [JsonPropertyName("read_size_bytes")]
    public ulong? ReadSizeBytes { get; set; }
    [JsonPropertyName("write_count_normalized")]
    public ulong? WriteCountNormalized { get; set; }
    [JsonPropertyName("write_size_bytes")]
    public ulong? WriteSizeBytes { get; set; }
}
