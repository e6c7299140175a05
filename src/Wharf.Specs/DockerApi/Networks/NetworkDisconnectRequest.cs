using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>NetworkDisconnectRequest</c>. Absent and null mean the same.</summary>
public sealed record NetworkDisconnectRequest
{
    public string? Container { get; set; }
    public bool? Force { get; set; }
}
