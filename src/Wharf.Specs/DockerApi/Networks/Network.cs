using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>Network</c>. Absent and null mean the same.</summary>
public sealed record Network
{
    public string? Name { get; set; }
    public string? Id { get; set; }
    public string? Created { get; set; }
    public string? Scope { get; set; }
    public string? Driver { get; set; }
    public bool? EnableIPv4 { get; set; }
    public bool? EnableIPv6 { get; set; }
    public Ipam? IPAM { get; set; }
    public bool? Internal { get; set; }
    public bool? Attachable { get; set; }
    public bool? Ingress { get; set; }
    public ConfigReference? ConfigFrom { get; set; }
    public bool? ConfigOnly { get; set; }
    public Dictionary<string, NetworkContainer>? Containers { get; set; }
    public Dictionary<string, string>? Options { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
    public List<PeerInfo>? Peers { get; set; }
    /// <summary>Of API 1.52; told in an inspect that asks for it (<c>status=1</c>).</summary>
    public NetworkStatus? Status { get; set; }
}
