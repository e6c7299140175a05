using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerSummary</c>. Absent and null mean the same.</summary>
public sealed record ContainerSummary
{
    public string? Id { get; set; }
    public List<string>? Names { get; set; }
    public string? Image { get; set; }
    public string? ImageID { get; set; }
    public Wharf.Specs.Image.Descriptor? ImageManifestDescriptor { get; set; }
    public string? Command { get; set; }
    public long? Created { get; set; }
    public List<PortSummary>? Ports { get; set; }
    public long? SizeRw { get; set; }
    public long? SizeRootFs { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
    public string? State { get; set; }
    public string? Status { get; set; }
    public ContainerSummaryHostConfig? HostConfig { get; set; }
    public ContainerSummaryNetworkSettings? NetworkSettings { get; set; }
    public List<MountPoint>? Mounts { get; set; }
}
