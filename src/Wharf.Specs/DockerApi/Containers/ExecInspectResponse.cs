using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ExecInspectResponse</c>. Absent and null mean the same.</summary>
public sealed record ExecInspectResponse
{
    public bool? CanRemove { get; set; }
    public string? DetachKeys { get; set; }
    public string? ID { get; set; }
    public bool? Running { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)] public long? ExitCode { get; set; }
    public ProcessConfig? ProcessConfig { get; set; }
    public bool? OpenStdin { get; set; }
    public bool? OpenStderr { get; set; }
    public bool? OpenStdout { get; set; }
    public string? ContainerID { get; set; }
    public long? Pid { get; set; }
}
