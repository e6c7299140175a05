using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>AuthConfig</c>. Absent and null mean the same.</summary>
public sealed record AuthConfig
{
    [JsonPropertyName("username")]
    public string? Username { get; set; }
    [JsonPropertyName("password")]
    public string? Password { get; set; }
    [JsonPropertyName("email")]
    public string? Email { get; set; }
    [JsonPropertyName("serveraddress")]
    public string? Serveraddress { get; set; }
    /// <summary>User and password in one, base64; older clients send it.</summary>
    [JsonPropertyName("auth")]
    public string? Auth { get; set; }
    /// <summary>A refresh token in place of a password; not in the schema, but every client sends it.</summary>
    [JsonPropertyName("identitytoken")]
    public string? IdentityToken { get; set; }
    /// <summary>A bearer token to send as it is; not in the schema either.</summary>
    [JsonPropertyName("registrytoken")]
    public string? RegistryToken { get; set; }
}
