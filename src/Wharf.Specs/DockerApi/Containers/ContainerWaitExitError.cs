using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerWaitExitError</c>. Absent and null mean the same.</summary>
public sealed record ContainerWaitExitError
{
    public string? Message { get; set; }
}
