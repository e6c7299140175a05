using System.Buffers.Text;
using System.Text.Json;
using Wharf.Daemon.Registry.Config;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>ID tokens of OpenID Connect issuers as passwords: of people, or of jobs of a CI service, which have no password anywhere then.</summary>
internal sealed class Oidc : IDisposable
{
    private readonly List<(OidcConfig Config, KeySource Keys)> _issuers;

    public Oidc(IReadOnlyList<OidcConfig> configs) => _issuers = [.. configs.Select(config => (config, new KeySource(config.Jwks, "auth.oidc.jwks", config.Issuer)))];

    public IEnumerable<OidcConfig> Configs => _issuers.Select(static issuer => issuer.Config);
    public bool IsUsed => _issuers.Count > 0;

    /// <summary>Whether a password looks like a token: three parts of base64url, the first of which begins an object.</summary>
    public static bool LooksLikeToken(string password) => password.StartsWith("eyJ", StringComparison.Ordinal) && password.Count(letter => letter == '.') == 2;

    /// <summary>The user a token stands for, with groups; null and why when no issuer's it is.</summary>
    public async Task<(string User, IReadOnlyList<string> Groups)?> VerifyAsync(string token, CancellationToken cancellation)
    {
        foreach (var (config, keys) in _issuers)
        {
            var (claims, _) = await keys.VerifyAsync(token, config.Issuer, config.Audience, cancellation);
            if (claims is null) continue;
            using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]));
            if (!payload.RootElement.TryGetProperty(config.UserClaim, out var user) || user.ValueKind != JsonValueKind.String || user.GetString() is not { Length: > 0 and <= 512 } name) continue;
            var groups = payload.RootElement.TryGetProperty(config.GroupsClaim, out var list) && list.ValueKind == JsonValueKind.Array
                ? list.EnumerateArray().Where(group => group.ValueKind == JsonValueKind.String).Select(group => "@" + config.Prefix + group.GetString()).ToList() : [];
            return (config.Prefix + name, groups);
        }
        return null;
    }

    public void Dispose()
    {
        foreach (var (_, keys) in _issuers) keys.Dispose();
    }
}
