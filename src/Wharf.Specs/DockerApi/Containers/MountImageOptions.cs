using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>MountImageOptions</c>. Absent and null mean the same.</summary>
public sealed record MountImageOptions
{
    public string? Subpath { get; set; }
}
