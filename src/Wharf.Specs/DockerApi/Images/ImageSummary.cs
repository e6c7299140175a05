using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ImageSummary</c>. Absent and null mean the same.</summary>
public sealed record ImageSummary
{
    public string? Id { get; set; }
    public string? ParentId { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? RepoTags { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? RepoDigests { get; set; }
    public long? Created { get; set; }
    public long? Size { get; set; }
    /// <summary>Until API 1.43, the same as Size.</summary>
    public long? VirtualSize { get; set; }
    public long? SharedSize { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public Dictionary<string, string>? Labels { get; set; }
    public long? Containers { get; set; }
    public List<ImageManifestSummary>? Manifests { get; set; }
    public Wharf.Specs.Image.Descriptor? Descriptor { get; set; }
}
