using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>BuildCache</c>. Absent and null mean the same.</summary>
public sealed record BuildCache
{
    public string? ID { get; set; }
    public List<string>? Parents { get; set; }
    public string? Type { get; set; }
    public string? Description { get; set; }
    public bool? InUse { get; set; }
    public bool? Shared { get; set; }
    public long? Size { get; set; }
    public string? CreatedAt { get; set; }
    public string? LastUsedAt { get; set; }
    public long? UsageCount { get; set; }
}
