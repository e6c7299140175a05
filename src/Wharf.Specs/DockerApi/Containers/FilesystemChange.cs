using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>FilesystemChange</c>. Absent and null mean the same.</summary>
public sealed record FilesystemChange
{
    public string? Path { get; set; }
    public long? Kind { get; set; }
}
