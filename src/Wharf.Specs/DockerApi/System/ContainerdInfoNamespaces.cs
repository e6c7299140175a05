using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerdInfoNamespaces</c>. Absent and null mean the same.</summary>
public sealed record ContainerdInfoNamespaces
{
    public string? Containers { get; set; }
    public string? Plugins { get; set; }
}
