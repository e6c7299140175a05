using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerCreateResponse</c>. Absent and null mean the same.</summary>
public sealed record ContainerCreateResponse
{
    public string? Id { get; set; }
    public List<string>? Warnings { get; set; }
}
