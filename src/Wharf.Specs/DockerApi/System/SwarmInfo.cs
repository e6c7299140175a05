using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>SwarmInfo</c>. Absent and null mean the same.</summary>
public sealed record SwarmInfo
{
    public string? NodeID { get; set; }
    public string? NodeAddr { get; set; }
    public string? LocalNodeState { get; set; }
    public bool? ControlAvailable { get; set; }
    public string? Error { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<PeerNode>? RemoteManagers { get; set; }
    public long? Nodes { get; set; }
    public long? Managers { get; set; }
    public System.Text.Json.JsonElement? Cluster { get; set; }
}
