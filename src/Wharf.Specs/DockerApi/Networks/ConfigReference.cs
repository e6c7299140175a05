using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ConfigReference</c>. Absent and null mean the same.</summary>
public sealed record ConfigReference
{
    public string? Network { get; set; }
}
