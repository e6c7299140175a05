using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerTopResponse</c>. Absent and null mean the same.</summary>
public sealed record ContainerTopResponse
{
    public List<string>? Titles { get; set; }
    public List<List<string>>? Processes { get; set; }
}
