using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ExecStartConfig</c>. Absent and null mean the same.</summary>
public sealed record ExecStartConfig
{
    public bool? Detach { get; set; }
    public bool? Tty { get; set; }
    public List<long>? ConsoleSize { get; set; }
}
