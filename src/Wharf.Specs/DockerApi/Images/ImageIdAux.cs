using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageIdAux</c>. Absent and null mean the same.</summary>
public sealed record ImageIdAux
{
    public string? ID { get; set; }
}
