using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerdInfo</c>. Absent and null mean the same.</summary>
public sealed record ContainerdInfo
{
    public string? Address { get; set; }
    public ContainerdInfoNamespaces? Namespaces { get; set; }
}
