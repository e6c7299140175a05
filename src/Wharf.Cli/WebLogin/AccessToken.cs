using System.Buffers.Text;
using System.Text.Json;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.WebLogin;

/// <summary>What an access token says about its user. It came over TLS from the server that made it, and only Docker Hub takes it: nothing here is decided by its signature.</summary>
internal static class AccessToken
{
    private const string Claims = "https://hub.docker.com";

    /// <summary>The user's name on Docker Hub.</summary>
    public static string Username(string token)
    {
        try
        {
            if (token.Split('.') is not [_, var payload, _]) throw new CliException("failed to parse token claims: it is not a JSON web token");
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(payload));
            if (claims.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty(Claims, out var hub) && hub.ValueKind == JsonValueKind.Object && hub.TryGetProperty("username", out var name)
                && name.ValueKind == JsonValueKind.String && name.GetString() is { Length: > 0 and <= 255 } username && !username.Any(static c => c == ':' || char.IsControl(c))) return username;
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            throw new CliException($"failed to parse token claims: {e.Message}", 1, e);
        }
        throw new CliException("failed to parse token claims: they name no user");
    }
}
