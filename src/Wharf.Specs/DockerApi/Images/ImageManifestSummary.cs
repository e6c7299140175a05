using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageManifestSummary</c>. Absent and null mean the same.</summary>
public sealed record ImageManifestSummary
{
    public string? ID { get; set; }
    public Wharf.Specs.Image.Descriptor? Descriptor { get; set; }
    public bool? Available { get; set; }
    public ImageManifestSummarySize? Size { get; set; }
    public string? Kind { get; set; }
    public ImageManifestSummaryImageData? ImageData { get; set; }
    public ImageManifestSummaryAttestationData? AttestationData { get; set; }
}
