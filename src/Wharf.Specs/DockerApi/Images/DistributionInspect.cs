using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>DistributionInspect</c>. Absent and null mean the same.</summary>
public sealed record DistributionInspect
{
    public Wharf.Specs.Image.Descriptor? Descriptor { get; set; }
    public List<Wharf.Specs.Image.Platform>? Platforms { get; set; }
}
