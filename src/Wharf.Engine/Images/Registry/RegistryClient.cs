using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>
/// One repository of one registry (OCI distribution-spec 1.1). HTTPS; plain HTTP only for loopback addresses and registries told to be
/// insecure, after HTTPS was tried. Redirects are followed by hand: another host gets no credential (SECURITY invariant 8).
/// </summary>
public sealed partial class RegistryClient : IDisposable
{
    private const int MaxRedirects = 5, Attempts = 5;
    private static readonly string[] ManifestTypes = [MediaTypes.OciManifest, MediaTypes.OciIndex, MediaTypes.DockerManifest, MediaTypes.DockerManifestList];

    private readonly HttpClient _http;
    private readonly RegistryAuth _auth;
    private readonly ImageReference _name;
    private readonly DaemonOptions _options;
    private Uri? _base;

    public RegistryClient(ImageReference name, AuthConfig? credentials, DaemonOptions options, HttpMessageHandler? handler = null)
    {
        _name = name;
        _options = options;
        handler ??= new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, AutomaticDecompression = DecompressionMethods.None, PooledConnectionLifetime = TimeSpan.FromMinutes(5), ConnectTimeout = TimeSpan.FromSeconds(15),
        };
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("Wharf/0.1");
        _auth = new RegistryAuth(_http, credentials);
    }

    /// <summary>The host spoken to: docker.io's registry has another name.</summary>
    private string Host => _name.Domain == ImageReference.DefaultDomain ? "registry-1.docker.io" : _name.Domain;
    private string PullScope => $"repository:{_name.Path}:pull";
    private string PushScope => $"repository:{_name.Path}:pull,push";
    private Uri Url(string rest) => new(_base!, $"/v2/{_name.Path}/{rest}");

    /// <summary>Finds out whether the registry speaks HTTPS or, where that is allowed, HTTP, and logs in if it asks for it.</summary>
    public async Task ConnectAsync(bool push, CancellationToken cancellation)
    {
        bool mayBePlain = InsecureRegistries.Contains(Host, _options.InsecureRegistries);
        Exception? first = null;
        foreach (var scheme in mayBePlain ? (string[])["https", "http"] : ["https"])
        {
            _base = new Uri($"{scheme}://{Host}");
            try
            {
                using var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Get, new Uri(_base, "/v2/")), push ? PushScope : PullScope, cancellation);
                if (response.StatusCode is HttpStatusCode.OK) return;
                if (response.StatusCode is HttpStatusCode.Unauthorized) throw new WharfException(ErrorKind.Unauthorized, "unauthorized: authentication required");
                throw WharfException.Unavailable($"Get \"{_base}v2/\": unexpected status {(int)response.StatusCode}");
            }
            catch (HttpRequestException error) { first ??= error; if (scheme == "http" || !mayBePlain) throw Describe(scheme == "http" ? error : (HttpRequestException)first); }
        }
        throw Describe((HttpRequestException)first!);
    }

    private WharfException Describe(HttpRequestException error) => new(ErrorKind.Internal, error.InnerException switch
    {
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => $"Get \"{_base}v2/\": dial tcp {Host}: connect: connection refused",
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData } => $"Get \"{_base}v2/\": dial tcp: lookup {Host.Split(':')[0]}: no such host",
        System.Security.Authentication.AuthenticationException tls => $"Get \"{_base}v2/\": tls: {tls.Message}",
        _ => $"Get \"{_base}v2/\": {error.Message}",
    }, error);

    /// <summary>Sends, answering a challenge once, following redirects, and waiting as a busy registry asks.</summary>
    private async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, string scope, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            using var request = make();
            var first = request.RequestUri!;
            request.Headers.Authorization = _auth.HeaderFor(scope);
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.StatusCode == HttpStatusCode.Unauthorized && attempt < Attempts && await _auth.AnswerAsync(first, response.Headers.WwwAuthenticate, scope, cancellation))
            {
                response.Dispose();
                continue;
            }
            if ((response.StatusCode == HttpStatusCode.TooManyRequests || (int)response.StatusCode is 502 or 503 or 504) && attempt < Attempts)
            {
                var wait = response.Headers.RetryAfter?.Delta ?? TimeSpan.FromMilliseconds(250 << attempt);
                response.Dispose();
                await Task.Delay(wait < TimeSpan.FromMinutes(2) ? wait : TimeSpan.FromMinutes(2), cancellation);
                continue;
            }
            return request.Method == HttpMethod.Get || request.Method == HttpMethod.Head ? await FollowAsync(response, request, cancellation) : response;
        }
    }

    private async Task<HttpResponseMessage> FollowAsync(HttpResponseMessage response, HttpRequestMessage original, CancellationToken cancellation)
    {
        var url = original.RequestUri!;
        for (int hop = 0; (int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is { } location; hop++)
        {
            if (hop == MaxRedirects) throw WharfException.Unavailable($"{original.RequestUri}: too many redirects");
            var next = new Uri(url, location);
            if (url.Scheme == "https" && next.Scheme != "https") throw WharfException.Unavailable($"{url.Authority} redirects to {next.Scheme}://{next.Authority}: refused");
            response.Dispose();
            using var request = new HttpRequestMessage(original.Method, next);
            if (original.Headers.Range is { } range) request.Headers.Range = range;
            if (next.Authority == original.RequestUri!.Authority && next.Scheme == original.RequestUri.Scheme) request.Headers.Authorization = original.Headers.Authorization;
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            url = next;
        }
        return response;
    }

    /// <summary>Fetches a manifest by tag or digest, its bytes as sent. A digest is verified, and so is the one the registry tells.</summary>
    public async Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation)
    {
        using var response = await SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, Url("manifests/" + reference));
            foreach (var type in ManifestTypes) request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
            return request;
        }, PullScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await ManifestErrorAsync(response, reference, cancellation);
        var bytes = await ReadLimitedAsync(response.Content, _options.Limits.MaxManifest, cancellation);
        var digest = Digest.OfBytes(bytes);
        if (Digest.TryParse(reference, out var asked))
        {
            if (asked.Algorithm == "sha512") digest = Digest.FromSha512(System.Security.Cryptography.SHA512.HashData(bytes));
            if (asked != digest) throw WharfException.Invalid($"manifest verification failed for digest {asked}");
        }
        var type = response.Content.Headers.ContentType?.MediaType;
        return (bytes, type is "application/json" or "application/octet-stream" or "text/plain" ? null : type, digest);
    }

    private async Task<WharfException> ManifestErrorAsync(HttpResponseMessage response, string reference, CancellationToken cancellation)
    {
        var (code, message) = await ErrorAsync(response, cancellation);
        return response.StatusCode switch
        {
            HttpStatusCode.NotFound => WharfException.NotFound($"manifest for {_name.FamiliarRepository}{(reference.Contains(':') ? "@" : ":")}{reference} not found: {code}: {message}"),
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => WharfException.NotFound($"pull access denied for {_name.FamiliarRepository}, repository does not exist or may require 'docker login': {code}: {message}"),
            _ => WharfException.Unavailable($"the registry answers {(int)response.StatusCode}: {code}: {message}"),
        };
    }

    private static async Task<(string Code, string Message)> ErrorAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        try
        {
            var errors = JsonSerializer.Deserialize(await ReadLimitedAsync(response.Content, 65536, cancellation), RegistryJson.Default.RegistryErrors);
            if (errors?.Errors is [var error, ..]) return ((error.Code ?? "unknown").ToLowerInvariant().Replace('_', ' '), error.Message ?? "");
        }
        catch (JsonException) { /* the answer is no registry's error document: the status must do */ }
        return ("unknown", response.ReasonPhrase ?? ((int)response.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    private static async Task<byte[]> ReadLimitedAsync(HttpContent content, long limit, CancellationToken cancellation)
    {
        await using var stream = await content.ReadAsStreamAsync(cancellation);
        using var memory = new MemoryStream();
        var buffer = new byte[16384];
        int count;
        while ((count = await stream.ReadAsync(buffer, cancellation)) > 0)
        {
            if (memory.Length + count > limit) throw WharfException.Invalid($"the registry's answer is larger than {limit} bytes");
            memory.Write(buffer, 0, count);
        }
        return memory.ToArray();
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>Which registries may be spoken to without TLS.</summary>
internal static class InsecureRegistries
{
    public static bool Contains(string host, IReadOnlyList<string> configured)
    {
        var name = host.StartsWith('[') ? host[1..host.IndexOf(']')] : host.Split(':')[0];
        bool isAddress = IPAddress.TryParse(name, out var address);
        if (name == "localhost" || (isAddress && IPAddress.IsLoopback(address!))) return true;
        return configured.Any(entry => entry == host || entry == name || (isAddress && entry.Contains('/') && IPNetwork.TryParse(entry, out var network) && network.Contains(address!)));
    }
}
