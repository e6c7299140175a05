using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>SystemVersionPlatform</c>. Absent and null mean the same.</summary>
public sealed record SystemVersionPlatform
{
    public string? Name { get; set; }
}
