using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>SystemInfoDefaultAddressPools</c>. Absent and null mean the same.</summary>
public sealed record SystemInfoDefaultAddressPools
{
    public string? Base { get; set; }
    public long? Size { get; set; }
}
