using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>
/// One repository (OCI distribution-spec 1.1 and Docker's registry API). Pulls ask mirrors first and fall back in order; pushes go to the registry itself.
/// </summary>
internal sealed partial class RegistryClient : IDisposable
{
    private static readonly string[] ManifestTypes = [MediaTypes.OciManifest, MediaTypes.OciIndex, MediaTypes.DockerManifest, MediaTypes.DockerManifestList];

    private readonly List<RegistryConnection> _connections;
    private readonly ImageReference _name;
    private readonly DaemonOptions _options;
    private readonly ILogger _log;
    private int _current;

    public RegistryClient(ImageReference name, AuthConfig? credentials, bool push, DaemonOptions options, ILogger log)
    {
        RegistryAccess.Check(name.Repository, options);
        (_name, _options, _log) = (name, options, log);
        _connections = [.. RegistryEndpoint.Of(name.Domain, options, push).Select(endpoint => new RegistryConnection(endpoint, credentials, options))];
    }

    private string PullScope => $"repository:{_name.Path}:pull";
    private string PushScope { get; set; } = "";
    private Uri Url(RegistryConnection connection, string rest) => new(connection.Base, $"/v2/{_name.Path}/{rest}");

    /// <summary>Does something with the first endpoint that can, beginning with the one that could last; the last one's error is told.</summary>
    private async Task<T> WithEndpointAsync<T>(Func<RegistryConnection, Task<T>> work, CancellationToken cancellation)
    {
        for (int at = _current; ; at++)
        {
            var connection = _connections[at];
            try
            {
                await connection.ConnectAsync(cancellation);
                var result = await work(connection);
                _current = at;
                return result;
            }
            catch (Exception error) when (error is WharfException or IOException or HttpRequestException && at + 1 < _connections.Count && !cancellation.IsCancellationRequested)
            {
                Log.EndpointFailed(_log, connection.Endpoint.Host, _name.Repository, error.Message);
            }
        }
    }

    /// <summary>Connects for a push: the registry itself.</summary>
    public async Task ConnectForPushAsync(IEnumerable<string> mountFrom, CancellationToken cancellation)
    {
        // One token for everything the push may do: also for reading what is to be mounted from other repositories.
        PushScope = string.Join(' ', [$"repository:{_name.Path}:pull,push", .. mountFrom.Where(path => path != _name.Path).Distinct().Order(StringComparer.Ordinal).Select(path => $"repository:{path}:pull")]);
        await _connections[^1].ConnectAsync(cancellation);
    }

    /// <summary>Fetches a manifest by tag or digest, its bytes as sent. A digest is verified, and so is the one the registry tells.</summary>
    public Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        using var response = await connection.SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, Url(connection, "manifests/" + reference));
            foreach (var accepted in ManifestTypes) request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accepted));
            return request;
        }, PullScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await ManifestErrorAsync(response, reference, cancellation);
        var bytes = await RegistryConnection.ReadLimitedAsync(response.Content, _options.Limits.MaxManifest, cancellation);
        var digest = Digest.OfBytes(bytes);
        if (Digest.TryParse(reference, out var asked))
        {
            if (asked.Algorithm == "sha512") digest = Digest.FromSha512(System.Security.Cryptography.SHA512.HashData(bytes));
            if (asked != digest) throw WharfException.Invalid($"manifest verification failed for digest {asked}");
        }
        else if (response.Headers.TryGetValues("Docker-Content-Digest", out var told) && Digest.TryParse(told.First(), out var promised) && promised.Algorithm == "sha256" && promised != digest)
            throw WharfException.Invalid($"manifest verification failed for digest {promised}");
        var type = response.Content.Headers.ContentType?.MediaType;
        return (bytes, type is "application/json" or "application/octet-stream" or "text/plain" ? null : type, digest);
    }, cancellation);

    private async Task<WharfException> ManifestErrorAsync(HttpResponseMessage response, string reference, CancellationToken cancellation)
    {
        var (code, message) = await RegistryConnection.ErrorAsync(response, cancellation);
        var full = $"{_name.FamiliarRepository}{(reference.Contains(':') ? "@" : ":")}{reference}";
        return (response.StatusCode, code) switch
        {
            (_, "name unknown") => WharfException.NotFound($"repository {_name.FamiliarRepository} not found: {code}: {message}"),
            (HttpStatusCode.NotFound, _) => WharfException.NotFound($"manifest for {full} not found: {(code == "not found" ? "manifest unknown: manifest unknown" : $"{code}: {message}")}"),
            (HttpStatusCode.Forbidden, _) or (_, "denied") => WharfException.NotFound($"pull access denied for {_name.FamiliarRepository}, repository does not exist or may require 'docker login': {code}: {message}"),
            (HttpStatusCode.Unauthorized, _) => new WharfException(ErrorKind.Unauthorized, $"{code}: {message}"),
            (HttpStatusCode.TooManyRequests, _) => WharfException.Unavailable($"{code}: {message}"),
            _ => new WharfException(ErrorKind.Internal, code == "unknown" ? message : $"{code}: {message}"),
        };
    }

    /// <summary>All tags of the repository, page by page.</summary>
    public Task<List<string>> TagsAsync(CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        var tags = new List<string>();
        Uri? next = Url(connection, "tags/list");
        while (next is { } page)
        {
            using var response = await connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, page), PullScope, cancellation);
            if (!response.IsSuccessStatusCode)
            {
                var (code, message) = await RegistryConnection.ErrorAsync(response, cancellation);
                if (response.StatusCode == HttpStatusCode.Unauthorized) throw new WharfException(ErrorKind.Unauthorized, $"{code}: {message}");
                throw response.StatusCode is HttpStatusCode.NotFound ? WharfException.NotFound($"repository {_name.FamiliarRepository} not found: {code}: {message}") : WharfException.NotFound($"pull access denied for {_name.FamiliarRepository}, repository does not exist or may require 'docker login': {code}: {message}");
            }
            try { tags.AddRange(JsonSerializer.Deserialize(await RegistryConnection.ReadLimitedAsync(response.Content, _options.Limits.MaxManifest, cancellation), RegistryJson.Default.TagList)?.Tags ?? []); }
            catch (JsonException error) { throw WharfException.Unavailable($"{page}: no list of tags: {error.Message}", error); }
            if (tags.Count > _options.Limits.MaxTags) throw WharfException.Unavailable($"{_name.FamiliarRepository} has more than {_options.Limits.MaxTags} tags");
            next = NextPage(response, page);
        }
        return tags;
    }, cancellation);

    /// <summary>The Link header of a list that goes on (RFC 5988); only on the same host.</summary>
    private static Uri? NextPage(HttpResponseMessage response, Uri page)
    {
        if (!response.Headers.TryGetValues("Link", out var links)) return null;
        foreach (var link in links)
        {
            int start = link.IndexOf('<'), end = link.IndexOf('>');
            if (start < 0 || end < start || !link.Contains("rel=\"next\"", StringComparison.Ordinal) || !Uri.TryCreate(page, link[(start + 1)..end], out var next)) continue;
            return next.Authority == page.Authority && next != page ? next : null;
        }
        return null;
    }

    public void Dispose()
    {
        foreach (var connection in _connections) connection.Dispose();
    }
}
