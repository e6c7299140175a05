using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageInspect</c>. Absent and null mean the same.</summary>
public sealed record ImageInspect
{
    public string? Id { get; set; }
    public Wharf.Specs.Image.Descriptor? Descriptor { get; set; }
    public List<ImageManifestSummary>? Manifests { get; set; }
    public List<string>? RepoTags { get; set; }
    public List<string>? RepoDigests { get; set; }
    public string? Parent { get; set; }
    public string? Comment { get; set; }
    public string? Created { get; set; }
    public string? DockerVersion { get; set; }
    public string? Author { get; set; }
    public ImageConfig? Config { get; set; }
    public string? Architecture { get; set; }
    public string? Variant { get; set; }
    public string? Os { get; set; }
    public string? OsVersion { get; set; }
    public long? Size { get; set; }
    /// <summary>Until API 1.43, the same as Size.</summary>
    public long? VirtualSize { get; set; }
    /// <summary>Until API 1.44: the container an image was committed from.</summary>
    public string? Container { get; set; }
    /// <summary>Until API 1.44: that container's configuration.</summary>
    public JsonElement? ContainerConfig { get; set; }
    public DriverData? GraphDriver { get; set; }
    public ImageInspectRootFS? RootFS { get; set; }
    public ImageInspectMetadata? Metadata { get; set; }
}
