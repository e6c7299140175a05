using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>Keys that tokens are verified with: from files, and from URLs that are read again hourly and for an unknown key. Without either, those an OIDC issuer's discovery names.</summary>
internal sealed class KeySource : IDisposable
{
    private static readonly TimeSpan Fresh = TimeSpan.FromHours(1), Retry = TimeSpan.FromMinutes(1);

    private readonly List<TokenKey> _fixed = [];
    private readonly List<string> _urls = [];
    private readonly string? _issuer;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10) }) { Timeout = TimeSpan.FromSeconds(20), MaxResponseContentBufferSize = 1 << 20 };
    private readonly SemaphoreSlim _fetching = new(1, 1);
    private List<TokenKey> _fetched = [];
    private DateTimeOffset _fetchedAt;

    /// <param name="sources">Files or URLs of JWKS documents.</param>
    /// <param name="key">What the configuration calls them.</param>
    /// <param name="issuer">Whose discovery document is asked when there are none.</param>
    public KeySource(IReadOnlyList<string> sources, string key, string? issuer = null)
    {
        if (sources.Count == 0) _issuer = issuer;
        if (_issuer is not null) CheckUrl(_issuer, key);
        foreach (var source in sources)
        {
            if (source.StartsWith("http", StringComparison.Ordinal)) _urls.Add(CheckUrl(source, key));
            else _fixed.AddRange(TokenKey.FromJwks(File.ReadAllBytes(source)));
        }
    }

    private bool IsRemote => _urls.Count > 0 || _issuer is not null;

    private static string CheckUrl(string text, string key) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == "https" || url is { Scheme: "http", IsLoopback: true }) ? text : throw WharfException.Invalid($"{key}: {text}: keys are only fetched over https");

    public void Add(IEnumerable<TokenKey> keys) => _fixed.AddRange(keys);

    /// <summary>The claims of a token that one of the keys signed, of an issuer and for an audience; null and why otherwise.</summary>
    public async Task<(TokenClaims? Claims, string? Problem)> VerifyAsync(string token, string issuer, string audience, CancellationToken cancellation)
    {
        await FetchAsync(Fresh, cancellation);
        var claims = JsonWebToken.Verify(token, [.. _fixed, .. _fetched], issuer, audience, DateTimeOffset.UtcNow, out var problem, out bool unknownKey);
        if (!unknownKey || !IsRemote) return (claims, problem);
        // The issuer may have a new key; asked for at most once a minute.
        await FetchAsync(Retry, cancellation);
        claims = JsonWebToken.Verify(token, [.. _fixed, .. _fetched], issuer, audience, DateTimeOffset.UtcNow, out problem, out _);
        return (claims, problem);
    }

    private async Task FetchAsync(TimeSpan fresh, CancellationToken cancellation)
    {
        if (!IsRemote || DateTimeOffset.UtcNow - _fetchedAt < fresh) return;
        await _fetching.WaitAsync(cancellation);
        try
        {
            if (DateTimeOffset.UtcNow - _fetchedAt < fresh) return;
            var keys = new List<TokenKey>();
            foreach (var url in _issuer is null ? _urls : [await DiscoverAsync(_issuer, cancellation)]) keys.AddRange(TokenKey.FromJwks(await _http.GetByteArrayAsync(url, cancellation)));
            (_fetched, _fetchedAt) = (keys, DateTimeOffset.UtcNow);
        }
        catch (HttpRequestException error)
        {
            // The keys known so far stay good; without any, nobody can log in and the reason must be seen.
            if (_fetched.Count == 0) throw WharfException.Unavailable($"the keys of the token service cannot be fetched: {error.Message}", error);
            _fetchedAt = DateTimeOffset.UtcNow - Fresh + Retry;
        }
        finally { _fetching.Release(); }
    }

    /// <summary>Where an issuer has its keys (OpenID Connect Discovery).</summary>
    private async Task<string> DiscoverAsync(string issuer, CancellationToken cancellation)
    {
        try
        {
            var document = JsonSerializer.Deserialize(await _http.GetByteArrayAsync(issuer.TrimEnd('/') + "/.well-known/openid-configuration", cancellation), DiscoveryJson.Default.Discovery);
            return CheckUrl(document?.Keys ?? "", $"the discovery document of {issuer}");
        }
        catch (JsonException error) { throw WharfException.Unavailable($"the discovery document of {issuer} is none: {error.Message}", error); }
    }

    public void Dispose()
    {
        _http.Dispose();
        _fetching.Dispose();
    }
}

internal sealed record Discovery
{
    [JsonPropertyName("jwks_uri")] public string? Keys { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, MaxDepth = 16)]
[JsonSerializable(typeof(Discovery))]
internal sealed partial class DiscoveryJson : JsonSerializerContext;
