using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>HostConfigLogConfig</c>. Absent and null mean the same.</summary>
public sealed record HostConfigLogConfig
{
    public string? Type { get; set; }
    public Dictionary<string, string>? Config { get; set; }
}
