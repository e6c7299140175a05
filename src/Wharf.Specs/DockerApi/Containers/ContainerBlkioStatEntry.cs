using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerBlkioStatEntry</c>. Absent and null mean the same.</summary>
public sealed record ContainerBlkioStatEntry
{
    [JsonPropertyName("major")]
    public ulong? Major { get; set; }
    [JsonPropertyName("minor")]
    public ulong? Minor { get; set; }
    [JsonPropertyName("op")]
    public string? Op { get; set; }
    [JsonPropertyName("value")]
    public ulong? Value { get; set; }
}
