using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>HealthcheckResult</c>. Absent and null mean the same.</summary>
public sealed record HealthcheckResult
{
    public string? Start { get; set; }
    public string? End { get; set; }
    public long? ExitCode { get; set; }
    public string? Output { get; set; }
}
