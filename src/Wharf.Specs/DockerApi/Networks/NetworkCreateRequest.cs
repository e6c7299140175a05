using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>NetworkCreateRequest</c>. Absent and null mean the same.</summary>
public sealed record NetworkCreateRequest
{
    public string? Name { get; set; }
    public string? Driver { get; set; }
    public string? Scope { get; set; }
    /// <summary>Names are always unique: read, and without effect.</summary>
    public bool? CheckDuplicate { get; set; }
    public bool? Internal { get; set; }
    public bool? Attachable { get; set; }
    public bool? Ingress { get; set; }
    public bool? ConfigOnly { get; set; }
    public ConfigReference? ConfigFrom { get; set; }
    public Ipam? IPAM { get; set; }
    public bool? EnableIPv4 { get; set; }
    public bool? EnableIPv6 { get; set; }
    public Dictionary<string, string>? Options { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
}
