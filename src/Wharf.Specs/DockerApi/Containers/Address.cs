using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>Address</c>. Absent and null mean the same.</summary>
public sealed record Address
{
    public string? Addr { get; set; }
    public long? PrefixLen { get; set; }
}
