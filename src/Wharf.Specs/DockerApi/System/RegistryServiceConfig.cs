using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>RegistryServiceConfig</c>. Absent and null mean the same.</summary>
public sealed record RegistryServiceConfig
{
    /// <summary>Until API 1.46.</summary>
    public List<string>? AllowNondistributableArtifactsCIDRs { get; set; }
    /// <summary>Until API 1.46.</summary>
    public List<string>? AllowNondistributableArtifactsHostnames { get; set; }
    public List<string>? InsecureRegistryCIDRs { get; set; }
    public Dictionary<string, IndexInfo>? IndexConfigs { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? Mirrors { get; set; }
}
