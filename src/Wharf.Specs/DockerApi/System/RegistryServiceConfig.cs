using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>RegistryServiceConfig</c>. Absent and null mean the same.</summary>
public sealed record RegistryServiceConfig
{
    public List<string>? InsecureRegistryCIDRs { get; set; }
    public Dictionary<string, IndexInfo>? IndexConfigs { get; set; }
    public List<string>? Mirrors { get; set; }
}
