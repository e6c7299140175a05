using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>
/// Logins of people in their browser at an OpenID Connect issuer: the authorization code flow with PKCE (RFC 7636), state and nonce. What comes of it is the
/// issuer's ID token, which the page keeps and sends as a password: there is no session here that a request from elsewhere could ride on.
/// </summary>
internal sealed class OidcLogin(Oidc oidc) : IDisposable
{
    private const int MaxPending = 10_000, MaxBody = 256 << 10;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10), HandOver = TimeSpan.FromMinutes(1);

    private sealed record Pending(OidcConfig Config, string Nonce, string Verifier, string RedirectUri, DateTimeOffset Until);

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10) }) { Timeout = TimeSpan.FromSeconds(20), MaxResponseContentBufferSize = MaxBody };
    private readonly ConcurrentDictionary<string, Pending> _pending = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (string Token, DateTimeOffset Until)> _done = new(StringComparer.Ordinal);

    private readonly List<OidcConfig> _configs = [.. oidc.Configs.Where(static config => config.Login is not null)];

    /// <summary>What the page calls the issuers that people can log in at, in order.</summary>
    public IReadOnlyList<string> Labels => _configs.ConvertAll(static config => config.Login!.Label);

    private static string Chance() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    /// <summary>Begins: where to send the browser, and the state that its cookie must bring back.</summary>
    public async Task<(Uri Where, string State)> BeginAsync(int issuer, string origin, CancellationToken cancellation)
    {
        if (issuer < 0 || issuer >= _configs.Count) throw new RegistryException(RegistryErrorCode.NotFound, "no such issuer");
        var config = _configs[issuer];
        foreach (var (key, old) in _pending) if (old.Until < DateTimeOffset.UtcNow) _pending.TryRemove(key, out _);
        if (_pending.Count >= MaxPending) throw new RegistryException(RegistryErrorCode.TooManyRequests, "too many logins under way").With("Retry-After", "60");
        var place = (await DiscoverAsync(config, cancellation)).Authorization;
        var (state, pending) = (Chance(), new Pending(config, Chance(), Chance(), config.Login!.RedirectUri ?? origin + "/login/callback", DateTimeOffset.UtcNow + Patience));
        _pending[state] = pending;
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(pending.Verifier)));
        var query = Form(("response_type", "code"), ("client_id", config.Audience), ("redirect_uri", pending.RedirectUri), ("scope", string.Join(' ', config.Login.Scopes.Prepend("openid").Distinct())),
            ("state", state), ("nonce", pending.Nonce), ("code_challenge", challenge), ("code_challenge_method", "S256"));
        return (new Uri(place + (place.Contains('?') ? "&" : "?") + query), state);
    }

    private static string Form(params ReadOnlySpan<(string Name, string Value)> fields)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in fields) text.Append(text.Length > 0 ? "&" : "").Append(name).Append('=').Append(Uri.EscapeDataString(value));
        return text.ToString();
    }

    /// <summary>The issuer sent the browser back: takes the code for an ID token, and gives a word that the page gets the token for, once.</summary>
    public async Task<string> EndAsync(string state, string? cookie, string code, CancellationToken cancellation)
    {
        // The state must be this browser's own, or somebody else could log it in as themselves.
        if (cookie is null || !CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(state), Encoding.UTF8.GetBytes(cookie)) || !_pending.TryRemove(state, out var pending) || pending.Until < DateTimeOffset.UtcNow)
            throw new RegistryException(RegistryErrorCode.Denied, "this login was not begun here, or too long ago: begin anew");
        var token = await ExchangeAsync(pending, code, cancellation);
        if (await oidc.VerifyAsync(token, cancellation) is null || NonceOf(token) != pending.Nonce) throw new RegistryException(RegistryErrorCode.Denied, "the issuer's ID token is not good for this registry");
        foreach (var (key, old) in _done) if (old.Until < DateTimeOffset.UtcNow) _done.TryRemove(key, out _);
        var word = Chance();
        _done[word] = (token, DateTimeOffset.UtcNow + HandOver);
        return word;
    }

    /// <summary>The ID token that a word stands for; null when it is none, or was taken already.</summary>
    public string? Take(string word) => _done.TryRemove(word, out var done) && done.Until > DateTimeOffset.UtcNow ? done.Token : null;

    private async Task<string> ExchangeAsync(Pending pending, string code, CancellationToken cancellation)
    {
        var place = (await DiscoverAsync(pending.Config, cancellation)).Token;
        using var request = new HttpRequestMessage(HttpMethod.Post, place);
        var fields = Form(("grant_type", "authorization_code"), ("code", code), ("redirect_uri", pending.RedirectUri), ("client_id", pending.Config.Audience), ("code_verifier", pending.Verifier));
        if (pending.Config.Login!.ClientSecretFile is { } file)
        {
            // RFC 6749 section 2.3.1: both are form-encoded first.
            var login = Uri.EscapeDataString(pending.Config.Audience) + ":" + Uri.EscapeDataString((await File.ReadAllTextAsync(file, cancellation)).Trim());
            request.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(login)));
        }
        request.Content = new StringContent(fields, Encoding.ASCII, "application/x-www-form-urlencoded");
        try
        {
            using var response = await _http.SendAsync(request, cancellation);
            var body = await response.Content.ReadAsByteArrayAsync(cancellation);
            var answer = JsonSerializer.Deserialize(body, OidcLoginJson.Default.OidcTokenAnswer);
            if (!response.IsSuccessStatusCode) throw new RegistryException(RegistryErrorCode.Denied, $"the issuer refuses the login: {answer?.Error ?? ((int)response.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture)}");
            return answer?.IdToken ?? throw new RegistryException(RegistryErrorCode.Denied, "the issuer gave no ID token");
        }
        catch (Exception error) when (error is HttpRequestException or JsonException) { throw WharfException.Unavailable($"the issuer cannot be asked: {error.Message}", error); }
    }

    private static string? NonceOf(string token)
    {
        using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]));
        return payload.RootElement.TryGetProperty("nonce", out var nonce) && nonce.ValueKind == JsonValueKind.String ? nonce.GetString() : null;
    }

    private async Task<(string Authorization, string Token)> DiscoverAsync(OidcConfig config, CancellationToken cancellation)
    {
        try
        {
            var document = JsonSerializer.Deserialize(await _http.GetByteArrayAsync(config.Issuer.TrimEnd('/') + "/.well-known/openid-configuration", cancellation), OidcLoginJson.Default.OidcEndpoints);
            return (Check(document?.Authorization), Check(document?.Token));
        }
        catch (Exception error) when (error is HttpRequestException or JsonException) { throw WharfException.Unavailable($"the issuer cannot be asked: {error.Message}", error); }

        string Check(string? text) => Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == "https" || url is { Scheme: "http", IsLoopback: true }) ? url.ToString()
            : throw WharfException.Unavailable($"the discovery document of {config.Issuer} names no https endpoints");
    }

    public void Dispose() => _http.Dispose();
}

internal sealed record OidcEndpoints
{
    [JsonPropertyName("authorization_endpoint")] public string? Authorization { get; set; }
    [JsonPropertyName("token_endpoint")] public string? Token { get; set; }
}

internal sealed record OidcTokenAnswer
{
    [JsonPropertyName("id_token")] public string? IdToken { get; set; }
    [JsonPropertyName("error")] public string? Error { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, MaxDepth = 16)]
[JsonSerializable(typeof(OidcEndpoints))]
[JsonSerializable(typeof(OidcTokenAnswer))]
internal sealed partial class OidcLoginJson : JsonSerializerContext;
