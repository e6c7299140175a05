using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ExecConfig</c>. Absent and null mean the same.</summary>
public sealed record ExecConfig
{
    public bool? AttachStdin { get; set; }
    public bool? AttachStdout { get; set; }
    public bool? AttachStderr { get; set; }
    public List<long>? ConsoleSize { get; set; }
    public string? DetachKeys { get; set; }
    public bool? Tty { get; set; }
    public List<string>? Env { get; set; }
    public List<string>? Cmd { get; set; }
    public bool? Privileged { get; set; }
    public string? User { get; set; }
    public string? WorkingDir { get; set; }
}
