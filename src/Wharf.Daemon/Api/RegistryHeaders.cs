using System.Buffers.Text;
using System.Text.Json;
using Wharf.Daemon.Http;
using Wharf.Specs.DockerApi;

namespace Wharf.Daemon.Api;

/// <summary>Credentials in request headers: base64url JSON.</summary>
internal static class RegistryHeaders
{
    /// <summary>Those of X-Registry-Auth. As with docker, what cannot be read counts as none: the registry then says what is missing.</summary>
    public static AuthConfig? Auth(ApiContext context)
    {
        if (context.Http.Request.Headers["X-Registry-Auth"].ToString() is not { Length: > 0 } header) return null;
        try
        {
            var json = Base64Url.DecodeFromChars(header.Replace('+', '-').Replace('/', '_').TrimEnd('='));
            return json.Length == 0 ? null : WithPassword(JsonSerializer.Deserialize(json, DockerApiJson.Default.AuthConfig));
        }
        catch (Exception error) when (error is FormatException or JsonException) { return null; }
    }

    /// <summary>User and password in one base64 string, as configuration files have them, are taken apart.</summary>
    public static AuthConfig? WithPassword(AuthConfig? auth)
    {
        if (auth is not { Auth: { Length: > 0 } both, Username: null or "" }) return auth;
        try
        {
            var text = System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(both));
            int colon = text.IndexOf(':');
            return colon < 0 ? auth : auth with { Username = text[..colon], Password = text[(colon + 1)..].TrimEnd('\0') };
        }
        catch (FormatException) { return auth; }
    }
}
