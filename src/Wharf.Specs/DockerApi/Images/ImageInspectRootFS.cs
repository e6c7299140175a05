using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageInspectRootFS</c>. Absent and null mean the same.</summary>
public sealed record ImageInspectRootFS
{
    public string? Type { get; set; }
    public List<string>? Layers { get; set; }
}
