using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>NetworkCreateResponse</c>. Absent and null mean the same.</summary>
public sealed record NetworkCreateResponse
{
    public string? Id { get; set; }
    public string? Warning { get; set; }
}
