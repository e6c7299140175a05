using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerInspectResponse</c>. Absent and null mean the same.</summary>
public sealed record ContainerInspectResponse
{
    public string? Id { get; set; }
    public string? Created { get; set; }
    public string? Path { get; set; }
    public List<string>? Args { get; set; }
    public ContainerState? State { get; set; }
    public string? Image { get; set; }
    public string? ResolvConfPath { get; set; }
    public string? HostnamePath { get; set; }
    public string? HostsPath { get; set; }
    public string? LogPath { get; set; }
    public string? Name { get; set; }
    public long? RestartCount { get; set; }
    public string? Driver { get; set; }
    public string? Platform { get; set; }
    public Wharf.Specs.Image.Descriptor? ImageManifestDescriptor { get; set; }
    public string? MountLabel { get; set; }
    public string? ProcessLabel { get; set; }
    public string? AppArmorProfile { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? ExecIDs { get; set; }
    public HostConfig? HostConfig { get; set; }
    public DriverData? GraphDriver { get; set; }
    public long? SizeRw { get; set; }
    public long? SizeRootFs { get; set; }
    public List<MountPoint>? Mounts { get; set; }
    public ContainerConfig? Config { get; set; }
    public NetworkSettings? NetworkSettings { get; set; }
}
