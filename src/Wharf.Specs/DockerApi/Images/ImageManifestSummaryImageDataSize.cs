using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageManifestSummaryImageDataSize</c>. Absent and null mean the same.</summary>
public sealed record ImageManifestSummaryImageDataSize
{
    public long? Unpacked { get; set; }
}
