using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>IndexInfo</c>. Absent and null mean the same.</summary>
public sealed record IndexInfo
{
    public string? Name { get; set; }
    public List<string>? Mirrors { get; set; }
    public bool? Secure { get; set; }
    public bool? Official { get; set; }
}
