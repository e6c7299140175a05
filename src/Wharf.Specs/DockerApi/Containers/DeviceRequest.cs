using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>DeviceRequest</c>. Absent and null mean the same.</summary>
public sealed record DeviceRequest
{
    public string? Driver { get; set; }
    public long? Count { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? DeviceIDs { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<List<string>>? Capabilities { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public Dictionary<string, string>? Options { get; set; }
}
