using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ThrottleDevice</c>. Absent and null mean the same.</summary>
public sealed record ThrottleDevice
{
    public string? Path { get; set; }
    public long? Rate { get; set; }
}
