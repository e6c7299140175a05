using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Wharf.Engine.Content;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Images.Registry;

/// <summary>
/// A conversation with one endpoint: TLS as it was configured, credentials, waiting and retrying. Redirects are followed by hand:
/// another host gets no credential (SECURITY invariant 8).
/// </summary>
internal sealed class RegistryConnection : IDisposable
{
    private const int MaxRedirects = 5;
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(2);
    /// <summary>How long a registry may take to answer at all.</summary>
    private static readonly TimeSpan FirstAnswer = TimeSpan.FromSeconds(15);

    private readonly HttpClient _http;
    private readonly RegistryAuth _auth;
    private readonly RegistryEndpoint _endpoint;
    private readonly int _attempts;
    private Uri? _base;

    public RegistryConnection(RegistryEndpoint endpoint, AuthConfig? credentials, DaemonOptions options, HttpMessageHandler? handler = null)
    {
        _endpoint = endpoint;
        _attempts = options.MaxDownloadAttempts;
        _http = new HttpClient(handler ?? Handler(endpoint, options)) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("Wharf/0.1");
        _auth = new RegistryAuth(_http, endpoint.IsMirror ? null : credentials);
    }

    public RegistryEndpoint Endpoint => _endpoint;
    public RegistryAuth Auth => _auth;
    public Uri Base => _base ?? throw new InvalidOperationException("not connected");

    private static SocketsHttpHandler Handler(RegistryEndpoint endpoint, DaemonOptions options)
    {
        var (authorities, clients) = endpoint.Certificates(options);
        var proxy = RegistryProxy.From(options);
        return new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, AutomaticDecompression = DecompressionMethods.None, PooledConnectionLifetime = TimeSpan.FromMinutes(5), ConnectTimeout = TimeSpan.FromSeconds(15),
            UseProxy = true, Proxy = proxy, DefaultProxyCredentials = proxy.Credentials,
            SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificates = clients,
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) => endpoint.IsInsecure || errors == SslPolicyErrors.None || IsIssuedBy(authorities, certificate, chain, errors) ? true
                    : throw new AuthenticationException("failed to verify certificate: x509: " + (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? $"certificate is not valid for {endpoint.Host}" : "certificate signed by unknown authority")),
            },
        };
    }

    /// <summary>A certificate that fails only for its unknown issuer is good when one of the configured authorities has issued it.</summary>
    private static bool IsIssuedBy(X509Certificate2Collection authorities, X509Certificate? certificate, X509Chain? sent, SslPolicyErrors errors)
    {
        if (authorities.Count == 0 || errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 leaf) return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        if (sent is not null) foreach (var element in sent.ChainElements) chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(leaf);
    }

    /// <summary>Finds out whether the endpoint speaks HTTPS or, where that is allowed, HTTP.</summary>
    public async Task ConnectAsync(CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        if (_base is not null) return;
        string[] schemes = _endpoint.Scheme is { } one ? [one] : _endpoint.IsInsecure ? ["https", "http"] : ["https"];
        foreach (var scheme in schemes)
        {
            var url = new Uri($"{scheme}://{_endpoint.Host}");
            try
            {
                patience.CancelAfter(FirstAnswer);
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(url, "/v2/"));
                using var response = await SendPatientlyAsync(request, patience.Token, cancellation);
                if ((int)response.StatusCode >= 500) throw WharfException.Unavailable($"Get \"{url}v2/\": received unexpected HTTP status: {(int)response.StatusCode} {response.ReasonPhrase}");
                _base = url;
                return;
            }
            catch (HttpRequestException error) when (scheme != schemes[^1] || cancellation.IsCancellationRequested) { _ = error; }
            catch (HttpRequestException error) { throw Describe(error, "Get", new Uri(url, "/v2/")); }
        }
    }

    private async Task<HttpResponseMessage> SendPatientlyAsync(HttpRequestMessage request, CancellationToken patience, CancellationToken cancellation)
    {
        try { return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience); }
        catch (OperationCanceledException error) when (!cancellation.IsCancellationRequested) { throw new HttpRequestException("timeout", new TimeoutException("timeout", error)); }
    }

    /// <summary>A network error in the words of docker's messages, which people and scripts know.</summary>
    public static WharfException Describe(HttpRequestException error, string method, Uri url, string? asWritten = null)
    {
        if (error.InnerException is WharfException inner) return inner;
        return new WharfException(ErrorKind.Internal, $"{method} \"{asWritten ?? url.ToString()}\": " + DialError.Describe(error, url, Resolver), error);
    }

    private static string Resolver()
    {
        try { return File.ReadLines("/etc/resolv.conf").Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).FirstOrDefault(words => words is ["nameserver", _, ..]) is [_, var address, ..] ? $" on {address}:53" : ""; }
        catch (IOException) { return ""; }
    }

    /// <summary>Sends, answering challenges, following redirects, waiting as a busy registry asks, and trying again where that is harmless.</summary>
    public async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, string scope, CancellationToken cancellation, bool offline = false)
    {
        for (int attempt = 1; ; attempt++)
        {
            using var request = make();
            var used = _auth.HeaderFor(scope);
            request.Headers.Authorization = used;
            HttpResponseMessage response;
            try { response = await SendPatientlyAsync(request, cancellation, cancellation); }
            catch (HttpRequestException) when (attempt < _attempts && request.Content is null && request.Method != HttpMethod.Post)
            {
                await Task.Delay(Backoff(attempt), cancellation);
                continue;
            }
            catch (HttpRequestException error) { throw Describe(error, Method(request), request.RequestUri!); }
            if (response.StatusCode == HttpStatusCode.Unauthorized && attempt < _attempts && await _auth.AnswerAsync(request.RequestUri!, response.Headers.WwwAuthenticate, scope, used, offline, cancellation))
            {
                response.Dispose();
                continue;
            }
            if (response.StatusCode == HttpStatusCode.Unauthorized && _auth.Refusal is { } refusal)
            {
                response.Dispose();
                if (scope.Contains(":pull,push", StringComparison.Ordinal)) throw new WharfException(ErrorKind.Internal, refusal);
                throw new WharfException(ErrorKind.Internal, $"{(request.Method == HttpMethod.Get ? "Head" : Method(request))} \"{request.RequestUri}\": {refusal}");
            }
            if ((response.StatusCode == HttpStatusCode.TooManyRequests || (int)response.StatusCode is 502 or 503 or 504) && attempt < _attempts)
            {
                var wait = RetryAfter(response) ?? Backoff(attempt);
                response.Dispose();
                await Task.Delay(wait < LongestWait ? wait : LongestWait, cancellation);
                continue;
            }
            return request.Method == HttpMethod.Get || request.Method == HttpMethod.Head ? await FollowAsync(response, request, cancellation) : response;
        }
    }

    /// <summary>As <see cref="SendAsync"/> for a request that goes where a registry's answer said (uploads): credentials only on the registry's own host.</summary>
    public async Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, string scope, CancellationToken cancellation)
    {
        if (IsOwn(request.RequestUri!)) request.Headers.Authorization = _auth.HeaderFor(scope);
        try { return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation); }
        catch (HttpRequestException error) when (error.InnerException is WharfException inner) { throw inner; }
    }

    /// <summary>One search request, with the password where there is one; network errors are the caller's.</summary>
    public Task<HttpResponseMessage> SearchAsync(Uri url, AuthConfig? credentials, CancellationToken cancellation)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        if (credentials is { Username.Length: > 0, Password.Length: > 0 })
            request.Headers.Authorization = BasicCredentials.Header(credentials.Username, credentials.Password);
        return _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
    }

    private bool IsOwn(Uri url) => url.Scheme == Base.Scheme && url.Authority == Base.Authority;

    internal static TimeSpan Backoff(int attempt) => TimeSpan.FromMilliseconds((100 << Math.Min(attempt, 10)) + Random.Shared.Next(100));

    private static TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date > DateTimeOffset.UtcNow ? date - DateTimeOffset.UtcNow : TimeSpan.Zero,
        _ => null,
    };

    private static string Method(HttpRequestMessage request) => request.Method.Method[..1] + request.Method.Method[1..].ToLowerInvariant();

    private async Task<HttpResponseMessage> FollowAsync(HttpResponseMessage response, HttpRequestMessage original, CancellationToken cancellation)
    {
        var url = original.RequestUri!;
        for (int hop = 0; (int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is { } location; hop++)
        {
            if (hop == MaxRedirects) throw WharfException.Unavailable($"{original.RequestUri}: too many redirects");
            var next = new Uri(url, location);
            if (next.Scheme is not ("https" or "http") || (url.Scheme == "https" && next.Scheme != "https")) throw WharfException.Unavailable($"{url.Authority} redirects to {next.Scheme}://{next.Authority}: refused");
            response.Dispose();
            using var request = new HttpRequestMessage(original.Method, next);
            if (original.Headers.Range is { } range) request.Headers.Range = range;
            foreach (var type in original.Headers.Accept) request.Headers.Accept.Add(type);
            if (next.Authority == original.RequestUri!.Authority && next.Scheme == original.RequestUri.Scheme) request.Headers.Authorization = original.Headers.Authorization;
            try { response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation); }
            catch (HttpRequestException error) { throw Describe(error, Method(request), next); }
            url = next;
        }
        return response;
    }

    /// <summary>Code and message of a registry's error, the code in lower case with blanks as docker prints it.</summary>
    public static async Task<(string Code, string Message)> ErrorAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        // A token that does not reach far enough (RFC 6750 section 3.1): not who, but what is refused.
        if (response.StatusCode == HttpStatusCode.Unauthorized && response.Headers.WwwAuthenticate.Any(challenge => Challenge.Parse(challenge.Parameter).GetValueOrDefault("error") == "insufficient_scope"))
            return ErrorOf([], HttpStatusCode.Forbidden);
        try { return ErrorOf(await ReadLimitedAsync(response.Content, 65536, cancellation), response.StatusCode); }
        catch (Exception error) when (error is HttpRequestException or IOException or WharfException) { return ErrorOf([], response.StatusCode); }
    }

    public static (string Code, string Message) ErrorOf(byte[] body, HttpStatusCode status)
    {
        try
        {
            if (body.Length > 0 && JsonSerializer.Deserialize(body, RegistryJson.Default.RegistryErrors) is { } errors)
            {
                if (errors.Errors is [var error, ..]) return (Code(error.Code), error.Message is { Length: > 0 } message ? message : Code(error.Code));
                if (errors.Details is { ValueKind: JsonValueKind.String } details) return ("unauthorized", details.GetString()!);
            }
        }
        catch (JsonException) { /* the answer is no registry's error document: the status must do */ }
        return status switch
        {
            HttpStatusCode.Unauthorized => ("unauthorized", "authentication required"),
            HttpStatusCode.Forbidden => ("denied", "requested access to the resource is denied"),
            HttpStatusCode.NotFound => ("not found", "not found"),
            HttpStatusCode.TooManyRequests => ("toomanyrequests", "too many requests"),
            _ => ("unknown", $"received unexpected HTTP status: {(int)status}"),
        };
    }

    private static string Code(string? code) => (code ?? "unknown").ToLowerInvariant().Replace('_', ' ');

    public static async Task<byte[]> ReadLimitedAsync(HttpContent content, long limit, CancellationToken cancellation)
    {
        await using var stream = await content.ReadAsStreamAsync(cancellation);
        return await stream.ReadWholeAsync(limit, () => WharfException.Invalid($"the registry's answer is larger than {limit} bytes"), cancellation);
    }

    public void Dispose() => _http.Dispose();
}
