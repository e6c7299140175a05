using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>IdResponse</c>. Absent and null mean the same.</summary>
public sealed record IdResponse
{
    public string? Id { get; set; }
}
