using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerPidsStats</c>. Absent and null mean the same.</summary>
public sealed record ContainerPidsStats
{
    [JsonPropertyName("current")]
    public ulong? Current { get; set; }
    [JsonPropertyName("limit")]
    public ulong? Limit { get; set; }
}
