using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>ContainerWaitResponse</c>. Absent and null mean the same.</summary>
public sealed record ContainerWaitResponse
{
    public long? StatusCode { get; set; }
    public ContainerWaitExitError? Error { get; set; }
}
