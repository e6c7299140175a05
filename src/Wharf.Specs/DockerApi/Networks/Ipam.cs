using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>Ipam</c>. Absent and null mean the same.</summary>
public sealed record Ipam
{
    public string? Driver { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public Dictionary<string, string>? Options { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<IpamConfig>? Config { get; set; }
}
