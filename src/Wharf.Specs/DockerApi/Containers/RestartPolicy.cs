using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>RestartPolicy</c>. Absent and null mean the same.</summary>
public sealed record RestartPolicy
{
    public string? Name { get; set; }
    public long? MaximumRetryCount { get; set; }
}
