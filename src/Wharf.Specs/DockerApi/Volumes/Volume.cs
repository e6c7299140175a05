using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>Volume</c>. Absent and null mean the same.</summary>
public sealed record Volume
{
    public System.Text.Json.JsonElement? ClusterVolume { get; set; }
    public string? CreatedAt { get; set; }
    public string? Driver { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public Dictionary<string, string>? Labels { get; set; }
    public string? Mountpoint { get; set; }
    public string? Name { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public Dictionary<string, string>? Options { get; set; }
    public string? Scope { get; set; }
    public Dictionary<string, System.Text.Json.JsonElement>? Status { get; set; }
    public VolumeUsageData? UsageData { get; set; }
}
