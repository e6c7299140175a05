using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageManifestSummarySize</c>. Absent and null mean the same.</summary>
public sealed record ImageManifestSummarySize
{
    public long? Total { get; set; }
    public long? Content { get; set; }
}
