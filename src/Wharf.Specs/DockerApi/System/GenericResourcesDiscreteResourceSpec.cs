using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>GenericResourcesDiscreteResourceSpec</c>. Absent and null mean the same.</summary>
public sealed record GenericResourcesDiscreteResourceSpec
{
    public string? Kind { get; set; }
    public long? Value { get; set; }
}
