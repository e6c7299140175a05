using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>FirewallInfo</c>. Absent and null mean the same.</summary>
public sealed record FirewallInfo
{
    public string? Driver { get; set; }
    public List<List<string>>? Info { get; set; }
}
