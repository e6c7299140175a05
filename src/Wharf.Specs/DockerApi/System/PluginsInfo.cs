using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>PluginsInfo</c>. Absent and null mean the same.</summary>
public sealed record PluginsInfo
{
    public List<string>? Volume { get; set; }
    public List<string>? Network { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? Authorization { get; set; }
    public List<string>? Log { get; set; }
}
