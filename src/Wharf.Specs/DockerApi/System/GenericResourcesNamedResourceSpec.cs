using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>GenericResourcesNamedResourceSpec</c>. Absent and null mean the same.</summary>
public sealed record GenericResourcesNamedResourceSpec
{
    public string? Kind { get; set; }
    public string? Value { get; set; }
}
