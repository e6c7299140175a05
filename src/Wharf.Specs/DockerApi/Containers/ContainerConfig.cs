using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerConfig</c>. Absent and null mean the same.</summary>
public sealed record ContainerConfig
{
    public string? Hostname { get; set; }
    public string? Domainname { get; set; }
    public string? User { get; set; }
    public bool? AttachStdin { get; set; }
    public bool? AttachStdout { get; set; }
    public bool? AttachStderr { get; set; }
    public Dictionary<string, EmptyObject>? ExposedPorts { get; set; }
    public bool? Tty { get; set; }
    public bool? OpenStdin { get; set; }
    public bool? StdinOnce { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? Env { get; set; }
    [JsonConverter(typeof(Image.StringOrListConverter))] [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? Cmd { get; set; }
    public HealthConfig? Healthcheck { get; set; }
    public bool? ArgsEscaped { get; set; }
    public string? Image { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public Dictionary<string, EmptyObject>? Volumes { get; set; }
    public string? WorkingDir { get; set; }
    [JsonConverter(typeof(Image.StringOrListConverter))] [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? Entrypoint { get; set; }
    public bool? NetworkDisabled { get; set; }
    public string? MacAddress { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? OnBuild { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public Dictionary<string, string>? Labels { get; set; }
    public string? StopSignal { get; set; }
    public long? StopTimeout { get; set; }
    [JsonConverter(typeof(Image.StringOrListConverter))] public List<string>? Shell { get; set; }
}
