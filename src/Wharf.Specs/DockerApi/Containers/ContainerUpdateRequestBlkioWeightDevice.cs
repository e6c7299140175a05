using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerUpdateRequestBlkioWeightDevice</c>. Absent and null mean the same.</summary>
public sealed record ContainerUpdateRequestBlkioWeightDevice
{
    public string? Path { get; set; }
    public long? Weight { get; set; }
}
