using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>MountTmpfsOptions</c>. Absent and null mean the same.</summary>
public sealed record MountTmpfsOptions
{
    public long? SizeBytes { get; set; }
    public long? Mode { get; set; }
    public List<List<string>>? Options { get; set; }
}
