using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>DeviceRequest</c>. Absent and null mean the same.</summary>
public sealed record DeviceRequest
{
    public string? Driver { get; set; }
    public long? Count { get; set; }
    public List<string>? DeviceIDs { get; set; }
    public List<List<string>>? Capabilities { get; set; }
    public Dictionary<string, string>? Options { get; set; }
}
