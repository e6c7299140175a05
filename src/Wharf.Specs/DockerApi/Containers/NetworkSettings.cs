using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>NetworkSettings</c>. Absent and null mean the same.</summary>
public sealed record NetworkSettings
{
    public string? Bridge { get; set; }
    public string? SandboxID { get; set; }
    public bool? HairpinMode { get; set; }
    public string? LinkLocalIPv6Address { get; set; }
    public long? LinkLocalIPv6PrefixLen { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public Dictionary<string, List<PortBinding>?>? Ports { get; set; }
    public string? SandboxKey { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<Address>? SecondaryIPAddresses { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<Address>? SecondaryIPv6Addresses { get; set; }
    public string? EndpointID { get; set; }
    public string? Gateway { get; set; }
    public string? GlobalIPv6Address { get; set; }
    public long? GlobalIPv6PrefixLen { get; set; }
    public string? IPAddress { get; set; }
    public long? IPPrefixLen { get; set; }
    public string? IPv6Gateway { get; set; }
    public string? MacAddress { get; set; }
    public Dictionary<string, EndpointSettings>? Networks { get; set; }
}
