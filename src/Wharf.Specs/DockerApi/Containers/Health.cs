using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>Health</c>. Absent and null mean the same.</summary>
public sealed record Health
{
    public string? Status { get; set; }
    public long? FailingStreak { get; set; }
    public List<HealthcheckResult>? Log { get; set; }
}
