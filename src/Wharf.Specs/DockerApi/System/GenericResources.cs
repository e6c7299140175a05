using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>GenericResources</c>. Absent and null mean the same.</summary>
public sealed record GenericResources
{
    public GenericResourcesNamedResourceSpec? NamedResourceSpec { get; set; }
    public GenericResourcesDiscreteResourceSpec? DiscreteResourceSpec { get; set; }
}
