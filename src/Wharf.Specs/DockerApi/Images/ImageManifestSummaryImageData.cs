using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageManifestSummaryImageData</c>. Absent and null mean the same.</summary>
public sealed record ImageManifestSummaryImageData
{
    public Wharf.Specs.Image.Platform? Platform { get; set; }
    public List<string>? Containers { get; set; }
    public ImageManifestSummaryImageDataSize? Size { get; set; }
}
