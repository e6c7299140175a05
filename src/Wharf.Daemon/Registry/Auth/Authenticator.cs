using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Observing;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>Finds out who sends a request, and says how to log in where that is needed.</summary>
internal sealed class Authenticator : IDisposable
{
    private readonly AuthConfig? _config;
    private readonly Htpasswd? _htpasswd;
    private readonly Ldap? _ldap;
    private readonly Oidc _oidc;
    private readonly Policies _policies;
    private readonly LoginLimiter? _limiter;
    private readonly RegistryMetrics _metrics;
    private readonly ILogger _log;
    private readonly bool _certificatesCount;

    public Authenticator(RegistryConfig config, Robots robots, ApiKeys keys, string root, RegistryMetrics metrics, ILogger log)
    {
        _certificatesCount = config.Tls?.ClientCa is not null;
        // Certificates alone are a login too: then there are users, and who has none is nobody.
        _config = config.Auth ?? (_certificatesCount ? new AuthConfig() : null);
        _policies = new Policies(_config?.Policies);
        (Robots, Keys) = (robots, keys);
        (_metrics, _log) = (metrics, log);
        _oidc = new Oidc(_config?.Oidc ?? []);
        Login = new OidcLogin(_oidc);
        if (_config is null) return;
        if (_config.Ldap is { } ldap) _ldap = new Ldap(ldap);
        if (_config.Htpasswd is { } path) _htpasswd = new Htpasswd(path);
        if (_config.Token is { } token) Tokens = new TokenService(token, root);
        _limiter = new LoginLimiter(_config.MaxFailures, ConfigText.Duration(_config.FailureWindow, "auth.failure-window"), TimeProvider.System);
    }

    public Robots Robots { get; }
    public ApiKeys Keys { get; }
    public OidcLogin Login { get; }
    public TokenService? Tokens { get; }
    /// <summary>False for a registry that everybody may do everything with.</summary>
    public bool IsRequired => _config is not null;

    /// <summary>Who sends the request; UNAUTHORIZED with a challenge when the credential it brings is not good.</summary>
    public async Task<Identity> AuthenticateAsync(HttpContext http, RegistryRoute? route)
    {
        if (_config is null) return Identity.Everyone;
        var header = http.Request.Headers.Authorization.ToString();
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) && _oidc.IsUsed && await IdTokenAsync(header["Bearer ".Length..].Trim(), http.RequestAborted) is { } person) return person;
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) && Tokens is not null) return await BearerAsync(http, header["Bearer ".Length..].Trim(), route);
        if (header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) && Decode(header["Basic ".Length..]) is (var user, var password) && user != "") return await LoginAsync(http, user, password);
        if (header != "" && !header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) throw Challenge(http, route, "unsupported authorization");
        if (_certificatesCount && http.Connection.ClientCertificate is { } certificate) return User(NameOf(certificate));
        return Anonymous();
    }

    private Identity Anonymous() => new("", repository => _policies.Allowed(null, repository), isAdmin: false, isAnonymous: true)
    {
        Catalog = Tokens is null ? repository => _policies.Allowed(null, repository).HasFlag(RegistryAction.Read) : null,
    };

    private Identity User(string name, IReadOnlyList<string>? groups = null, bool isPerson = true) => new(name, repository => _policies.Allowed(name, repository, groups), _config!.Admins.Contains(name) || groups is not null && groups.Any(_config.Admins.Contains))
    {
        IsPerson = isPerson, Groups = groups,
    };

    /// <summary>Who an ID token stands for; null when it is no issuer's.</summary>
    private async Task<Identity?> IdTokenAsync(string token, CancellationToken cancellation) => await _oidc.VerifyAsync(token, cancellation) is var (user, groups) ? User(user, groups) : null;

    /// <summary>A name and password as htpasswd, LDAP or a robot has them, or an ID token as the password.</summary>
    public async Task<Identity> LoginAsync(HttpContext http, string user, string password)
    {
        var address = http.Connection.RemoteIpAddress?.ToString() ?? "";
        _limiter!.Check(address);
        if (await Keys.VerifyAsync(user, password, http.RequestAborted) is { } key && IsStillThere(key))
        {
            _limiter.Succeeded(address);
            return User(key.User, key.Groups, isPerson: false);
        }
        if (user.StartsWith(Robots.Prefix, StringComparison.Ordinal))
        {
            if (await Robots.VerifyAsync(user, password, http.RequestAborted) is { } robot)
            {
                _limiter.Succeeded(address);
                var (pattern, allow) = (new RepositoryPattern(robot.Repository), Policies.Parse(robot.Allow));
                return new Identity(user, repository => pattern.Fits(repository) ? allow : RegistryAction.None, isAdmin: false);
            }
        }
        else if (_oidc.IsUsed && Oidc.LooksLikeToken(password))
        {
            if (await IdTokenAsync(password, http.RequestAborted) is { } person)
            {
                _limiter.Succeeded(address);
                return person;
            }
        }
        else if (_htpasswd is not null && await _htpasswd.VerifyAsync(user, password, http.RequestAborted))
        {
            _limiter.Succeeded(address);
            return User(user);
        }
        else if (_ldap is not null && await _ldap.VerifyAsync(user, password, http.RequestAborted))
        {
            _limiter.Succeeded(address);
            return User(user);
        }
        _limiter.Failed(address);
        _metrics.LoginsFailed.Add(1);
        _log.LoginRefused(user.Length > 64 ? user[..64] : user, address, "wrong name or password");
        throw Challenge(http, null, "authentication required");
    }

    /// <summary>Whoever went from the htpasswd file has no keys any more. Of users of other directories only a key's own end is known.</summary>
    private bool IsStillThere(ApiKey key) => key.Groups is not null || _htpasswd is null || _ldap is not null || _htpasswd.Has(key.User);

    private async Task<Identity> BearerAsync(HttpContext http, string token, RegistryRoute? route)
    {
        var (claims, problem) = await Tokens!.VerifyAsync(token, http.RequestAborted);
        if (claims is null)
        {
            _metrics.LoginsFailed.Add(1);
            throw Challenge(http, route, problem ?? "invalid token", "invalid_token");
        }
        var access = claims.Access ?? [];
        bool isAdmin = Tokens.IsBuiltIn && claims.Subject is { Length: > 0 } subject && _config!.Admins.Contains(subject);
        bool coversCatalog = access.Any(entry => entry is { Type: "registry", Name: "catalog" } && entry.Actions.Contains("*"));
        var user = claims.Subject is { Length: > 0 } name ? name : null;
        return new Identity(claims.Subject ?? "", repository => access.Where(entry => entry.Type == "repository" && entry.Name == repository).Aggregate(RegistryAction.None, (sum, entry) => sum | ActionsOf(entry.Actions)), isAdmin, isAnonymous: true)
        {
            // Who may see which name, the built-in service knows by the policies; an external one has granted it all.
            Catalog = !coversCatalog ? null : Tokens.IsBuiltIn ? repository => _policies.Allowed(user, repository).HasFlag(RegistryAction.Read) : _ => true,
        };
    }

    private static RegistryAction ActionsOf(IReadOnlyList<string> actions) => actions.Aggregate(RegistryAction.None, (sum, action) => sum | action switch
    {
        "pull" => RegistryAction.Read, "push" => RegistryAction.Write, "delete" => RegistryAction.Delete, "*" => RegistryAction.All, TokenService.PullUnsigned => RegistryAction.ReadUnsigned, _ => RegistryAction.None,
    });

    /// <summary>A refusal that says how to log in and for what.</summary>
    public RegistryException Challenge(HttpContext http, RegistryRoute? route, string message, string? error = null)
    {
        if (Tokens is null) return new RegistryException(RegistryErrorCode.Unauthorized, message).With("WWW-Authenticate", $"Basic realm=\"{Escape(_config?.Realm ?? "")}\"");
        var realm = Tokens.Realm ?? $"{http.Request.Scheme}://{http.Request.Host}/token";
        var text = new StringBuilder($"Bearer realm=\"{Escape(realm)}\",service=\"{Escape(Tokens.Service)}\"");
        if (route is { Kind: RouteKind.Catalog }) text.Append(",scope=\"registry:catalog:*\"");
        else if (route is { Name.Length: > 0 }) text.Append($",scope=\"repository:{route.Name}:{ScopeOf(http.Request.Method)}\"");
        if (error is not null) text.Append($",error=\"{error}\"");
        return new RegistryException(RegistryErrorCode.Unauthorized, message).With("WWW-Authenticate", text.ToString());
    }

    private static string ScopeOf(string method) => method switch { "GET" or "HEAD" => "pull", "DELETE" => "delete", _ => "pull,push" };

    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    /// <summary>The user a client certificate names: its SPIFFE ID where it has one, else its common name.</summary>
    private static string NameOf(X509Certificate2 certificate)
    {
        foreach (var extension in certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>())
        {
            var text = Encoding.ASCII.GetString(extension.RawData);
            int at = text.IndexOf("spiffe://", StringComparison.Ordinal);
            if (at > 0 && at - 1 >= 0 && text[at - 1] < 0x80) return text.Substring(at, Math.Min(text[at - 1], text.Length - at));
        }
        return certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
    }

    private static (string User, string Password)? Decode(string text)
    {
        try
        {
            var pair = Encoding.UTF8.GetString(Convert.FromBase64String(text.Trim()));
            int colon = pair.IndexOf(':');
            return colon < 0 ? null : (pair[..colon], pair[(colon + 1)..]);
        }
        catch (FormatException) { return null; }
    }

    public void Dispose()
    {
        Tokens?.Dispose();
        Login.Dispose();
        _oidc.Dispose();
    }
}
