using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>SystemAuthResponse</c>. Absent and null mean the same.</summary>
public sealed record SystemAuthResponse
{
    public string? Status { get; set; }
    public string? IdentityToken { get; set; }
}
