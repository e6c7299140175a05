using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageManifestSummaryAttestationData</c>. Absent and null mean the same.</summary>
public sealed record ImageManifestSummaryAttestationData
{
    public string? For { get; set; }
}
