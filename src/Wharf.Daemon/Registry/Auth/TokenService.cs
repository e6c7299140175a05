using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Daemon.Registry.Config;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>Bearer tokens: verifies those of the configured issuer, and gives out its own when no external service is named.</summary>
internal sealed class TokenService : IDisposable
{
    private readonly TokenConfig _config;
    private readonly TimeSpan _lifetime;
    private readonly ECDsa? _key;
    private readonly string _keyId = "";
    private readonly KeySource _keys;

    public TokenService(TokenConfig config, string root)
    {
        _config = config;
        _lifetime = ConfigText.Duration(config.Lifetime, "auth.token.lifetime");
        _keys = new KeySource(config.Jwks, "auth.token.jwks");
        if (config.Certificates is { } certificates) _keys.Add(TokenKey.FromCertificates(certificates));
        if (config.Realm is not null) return;
        _key = OwnKey(config.Key ?? Path.Combine(root, "token-key.pem"));
        var parameters = _key.ExportParameters(includePrivateParameters: false);
        _keyId = Base64Url.EncodeToString(SHA256.HashData([.. parameters.Q.X!, .. parameters.Q.Y!]).AsSpan(0, 12));
        _keys.Add([new TokenKey(_keyId, _key)]);
    }

    /// <summary>True when this process gives out tokens itself.</summary>
    public bool IsBuiltIn => _key is not null;
    public string? Realm => _config.Realm;
    public string Service => _config.Service;

    private static ECDsa OwnKey(string path)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(path)) key.ImportFromPem(File.ReadAllText(path));
        else
        {
            using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
            file.Write(Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
        }
        return key.KeySize == 256 ? key : throw WharfException.Invalid($"{path}: the token key must be an EC key on P-256");
    }

    /// <summary>The claims of a valid token; null and why otherwise.</summary>
    public Task<(TokenClaims? Claims, string? Problem)> VerifyAsync(string token, CancellationToken cancellation) => _keys.VerifyAsync(token, _config.Issuer, _config.Service, cancellation);

    /// <summary>A token for a user that grants what of the asked access the user has.</summary>
    public TokenAnswer Issue(Identity identity, IEnumerable<TokenAccess> asked)
    {
        var now = DateTimeOffset.UtcNow;
        var granted = asked.Select(access => Grant(identity, access)).Where(access => access.Actions.Count > 0).ToList();
        var claims = new TokenClaims
        {
            Issuer = _config.Issuer, Subject = identity.Name, Audience = JsonSerializer.SerializeToElement(_config.Service, TokenJson.Default.String), Expires = (now + _lifetime).ToUnixTimeSeconds(),
            NotBefore = now.ToUnixTimeSeconds() - 5, IssuedAt = now.ToUnixTimeSeconds(), Id = Guid.NewGuid().ToString("N"), Access = granted,
        };
        var token = JsonWebToken.Sign(claims, _key!, _keyId);
        return new TokenAnswer { Token = token, AccessToken = token, ExpiresIn = (int)_lifetime.TotalSeconds, IssuedAt = now.ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture) };
    }

    /// <summary>An action of our own in tokens: to read what nobody signed.</summary>
    public const string PullUnsigned = "pull-unsigned";

    private static TokenAccess Grant(Identity identity, TokenAccess access)
    {
        if (access is { Type: "registry", Name: "catalog" }) return access;
        if (access.Type != "repository") return access with { Actions = [] };
        var allowed = identity.Allowed(access.Name);
        IReadOnlyList<string> actions =
        [
            .. access.Actions.SelectMany(action => action == "*" ? (string[])["pull", "push", "delete"] : [action]).Distinct().Where(action => action switch
            {
                "pull" => allowed.HasFlag(RegistryAction.Read), "push" => allowed.HasFlag(RegistryAction.Write), "delete" => allowed.HasFlag(RegistryAction.Delete), _ => false,
            }),
        ];
        return access with { Actions = actions.Contains("pull") && allowed.HasFlag(RegistryAction.Write) ? [.. actions, PullUnsigned] : actions };
    }

    /// <summary>Reads <c>repository:team/app:pull,push</c>; several are parted by blanks.</summary>
    public static IEnumerable<TokenAccess> ParseScopes(IEnumerable<string> scopes)
    {
        foreach (var scope in scopes.SelectMany(scope => scope.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Take(64))
        {
            int first = scope.IndexOf(':'), last = scope.LastIndexOf(':');
            if (first <= 0 || last <= first) continue;
            var type = scope[..first];
            int kind = type.IndexOf('('); // repository(plugin)
            yield return new TokenAccess { Type = kind < 0 ? type : type[..kind], Name = scope[(first + 1)..last], Actions = scope[(last + 1)..].Split(',') };
        }
    }

    public void Dispose()
    {
        _key?.Dispose();
        _keys.Dispose();
    }
}

internal sealed record TokenAnswer
{
    [JsonPropertyName("token")] public required string Token { get; set; }
    [JsonPropertyName("access_token")] public required string AccessToken { get; set; }
    [JsonPropertyName("expires_in")] public int ExpiresIn { get; set; }
    [JsonPropertyName("issued_at")] public required string IssuedAt { get; set; }
}
