using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>CommitInfo</c>. Absent and null mean the same.</summary>
public sealed record CommitInfo
{
    public string? ID { get; set; }
    /// <summary>Until API 1.48.</summary>
    public string? Expected { get; set; }
}
