using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Images.Registry;

/// <summary>
/// Answers a registry's challenge (RFC 7235; the distribution project's token and OAuth2 specifications). A credential is bound to the
/// host it was given for: it goes to that host and to the token service that this host names over TLS or on the same machine, nowhere else.
/// </summary>
internal sealed class RegistryAuth(HttpClient http, AuthConfig? credentials)
{
    private const string ClientId = "wharf";
    private const long MaxAnswer = 1 << 20;
    private static readonly TimeSpan DefaultLife = TimeSpan.FromSeconds(60);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (string Token, DateTimeOffset Until)> _tokens = new(StringComparer.Ordinal);
    private bool _basic;

    /// <summary>A token that the service gave for later logins in place of the password (<c>/auth</c>).</summary>
    public string? IdentityToken { get; private set; }

    /// <summary>What the registry last asked for and was not given: told when a request fails.</summary>
    public string? Refusal { get; private set; }

    public AuthenticationHeaderValue? HeaderFor(string scope)
    {
        if (credentials?.RegistryToken is { Length: > 0 } given) return new("Bearer", given);
        lock (_lock)
        {
            if (_basic) return Basic();
            return _tokens.TryGetValue(scope, out var token) && token.Until > DateTimeOffset.UtcNow ? new("Bearer", token.Token) : null;
        }
    }

    /// <summary>Prepares the header that the challenge asks for; false when there is nothing (more) to try. <paramref name="used"/> is the header that was refused.</summary>
    public async Task<bool> AnswerAsync(Uri registry, HttpHeaderValueCollection<AuthenticationHeaderValue> challenges, string scope, AuthenticationHeaderValue? used, bool offline, CancellationToken cancellation)
    {
        if (credentials?.RegistryToken is { Length: > 0 }) return false;
        if (challenges.FirstOrDefault(challenge => challenge.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase)) is { } bearer)
        {
            var challenge = Challenge.Parse(bearer.Parameter);
            // A token for exactly this scope was refused although it is fresh: asking again gives the same.
            if (used is { Scheme: "Bearer" } && HeaderFor(scope)?.Parameter == used.Parameter) return false;
            await FetchTokenAsync(registry, challenge, scope, offline, cancellation);
            return true;
        }
        if (!challenges.Any(challenge => challenge.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase))) return false;
        if (!HasPassword)
        {
            Refusal = "no basic auth credentials";
            return false;
        }
        if (used is { Scheme: "Basic" }) return false;
        lock (_lock) _basic = true;
        return true;
    }

    private bool HasPassword => credentials is { Username.Length: > 0, Password.Length: > 0 };

    private AuthenticationHeaderValue Basic() => BasicCredentials.Header(credentials!.Username, credentials.Password);

    private async Task FetchTokenAsync(Uri registry, Dictionary<string, string> challenge, string scope, bool offline, CancellationToken cancellation)
    {
        if (!challenge.TryGetValue("realm", out var text) || !Uri.TryCreate(text, UriKind.Absolute, out var realm) || realm.Scheme is not ("https" or "http"))
            throw WharfException.Unavailable($"the registry {registry.Authority} asks for a token but names no valid realm");
        bool isSecret = HasPassword || credentials?.IdentityToken is { Length: > 0 };
        // A password must not leave an encrypted conversation, nor travel in the clear to another machine.
        if (isSecret && realm.Scheme == "http" && !(registry.Scheme == "http" && (realm.IsLoopback || realm.Host == registry.Host)))
            throw new WharfException(ErrorKind.Unauthorized, $"the registry {registry.Authority} names a token service without TLS ({realm.Authority}): the credentials are not sent there");
        var service = challenge.GetValueOrDefault("service");
        using var request = credentials?.IdentityToken is { Length: > 0 } refresh ? Refresh(realm, service, scope, refresh) : Get(realm, service, scope, offline);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        var bytes = await RegistryConnection.ReadLimitedAsync(response.Content, MaxAnswer, cancellation);
        if (!response.IsSuccessStatusCode) throw Refused(realm, response.StatusCode, bytes);
        var token = Parse(bytes, realm);
        var value = token.Token ?? token.AccessToken ?? throw WharfException.Unavailable($"the token service {realm.Authority} gave no token");
        if (token.RefreshToken is { Length: > 0 }) IdentityToken = token.RefreshToken;
        // A little early, so that it does not lapse on its way.
        var life = token.ExpiresIn > 0 ? TimeSpan.FromSeconds(Math.Max(5, token.ExpiresIn.Value * 9 / 10)) : DefaultLife;
        lock (_lock) _tokens[scope] = (value, DateTimeOffset.UtcNow + life);
    }

    /// <summary>The token specification's request; <paramref name="offline"/> also asks for a token for later logins.</summary>
    private HttpRequestMessage Get(Uri realm, string? service, string scope, bool offline)
    {
        var query = new StringBuilder(realm.Query.Length > 1 ? realm.Query + "&" : "?");
        if (HasPassword) query.Append("account=").Append(Uri.EscapeDataString(credentials!.Username!)).Append('&');
        if (offline) query.Append("client_id=").Append(ClientId).Append("&offline_token=true&");
        foreach (var one in scope.Split(' ', StringSplitOptions.RemoveEmptyEntries)) query.Append("scope=").Append(Uri.EscapeDataString(one)).Append('&');
        if (service is not null) query.Append("service=").Append(Uri.EscapeDataString(service));
        var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(realm) { Query = query.ToString().TrimEnd('&') }.Uri);
        if (HasPassword) request.Headers.Authorization = Basic();
        return request;
    }

    /// <summary>OAuth2 with the refresh token that an earlier login gave (RFC 6749 section 6).</summary>
    private static HttpRequestMessage Refresh(Uri realm, string? service, string scope, string refresh)
    {
        var form = new Dictionary<string, string> { ["grant_type"] = "refresh_token", ["client_id"] = ClientId, ["refresh_token"] = refresh };
        if (scope.Length > 0) form["scope"] = scope;
        if (service is not null) form["service"] = service;
        return new HttpRequestMessage(HttpMethod.Post, realm) { Content = new FormUrlEncodedContent(form) };
    }

    private static WharfException Refused(Uri realm, HttpStatusCode status, byte[] body)
    {
        var (code, message) = RegistryConnection.ErrorOf(body, status);
        if (status is HttpStatusCode.Unauthorized) return new WharfException(ErrorKind.Unauthorized, $"unauthorized: {(message.Length > 0 && code != "unknown" ? message : "authentication required")}");
        if (status is HttpStatusCode.Forbidden) return new WharfException(ErrorKind.Forbidden, $"denied: {message}");
        return WharfException.Unavailable($"the token service {realm.Authority} answers {(int)status}: {code}: {message}");
    }

    private static TokenResponse Parse(byte[] bytes, Uri realm)
    {
        try { return JsonSerializer.Deserialize(bytes, RegistryJson.Default.TokenResponse) ?? new TokenResponse(); }
        catch (JsonException error) { throw WharfException.Unavailable($"the token service {realm.Authority} gave no JSON: {error.Message}", error); }
    }
}

/// <summary>The parameters of an authentication challenge.</summary>
internal static class Challenge
{
    /// <summary>Parses <c>realm="…",service="…"</c>; commas inside quotes belong to the value.</summary>
    public static Dictionary<string, string> Parse(string? text)
    {
        var parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        int at = 0;
        while (text is not null && at < text.Length)
        {
            int equals = text.IndexOf('=', at);
            if (equals < 0) break;
            var name = text[at..equals].Trim(' ', ',', '\t');
            at = equals + 1;
            var value = new StringBuilder();
            if (at < text.Length && text[at] == '"')
            {
                for (at++; at < text.Length && text[at] != '"'; at++)
                {
                    if (text[at] == '\\' && at + 1 < text.Length) at++;
                    value.Append(text[at]);
                }
                at++;
            }
            else for (; at < text.Length && text[at] != ','; at++) value.Append(text[at]);
            // The first of two equal names counts: a second cannot turn the request elsewhere.
            if (name.Length > 0) parameters.TryAdd(name, value.ToString().Trim());
        }
        return parameters;
    }
}
