using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>What mirrors and the registry's own commands ask beside pulls and pushes.</summary>
public sealed partial class RegistryClient
{
    private const int MaxListPage = 16 << 20, MaxPages = 10_000;
    private string DeleteScope => $"repository:{_name.Path}:pull,delete";

    /// <summary>The digest a tag names now, without fetching its manifest.</summary>
    public async Task<Digest?> ManifestDigestAsync(string reference, CancellationToken cancellation)
    {
        using var response = await SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Head, Url("manifests/" + reference));
            foreach (var type in ManifestTypes) request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
            return request;
        }, PullScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await ManifestErrorAsync(response, reference, cancellation);
        return response.Headers.TryGetValues("Docker-Content-Digest", out var values) && Digest.TryParse(values.First(), out var digest) ? digest : null;
    }

    /// <summary>Opens a blob. The caller verifies what comes.</summary>
    public async Task<Stream> OpenBlobAsync(Digest digest, CancellationToken cancellation)
    {
        var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Get, Url("blobs/" + digest)), PullScope, cancellation);
        if (response.IsSuccessStatusCode) return await response.Content.ReadAsStreamAsync(cancellation);
        using (response)
        {
            var (code, message) = await ErrorAsync(response, cancellation);
            throw response.StatusCode == HttpStatusCode.NotFound ? WharfException.NotFound($"blob {digest} not found: {code}: {message}") : WharfException.Unavailable($"blob {digest}: {(int)response.StatusCode}: {code}: {message}");
        }
    }

    /// <summary>All tags of the repository.</summary>
    public Task<List<string>> TagsAsync(CancellationToken cancellation) => ListAsync(Url("tags/list"), PullScope, page => page.Tags, cancellation);

    /// <summary>All repositories the caller may see.</summary>
    public Task<List<string>> RepositoriesAsync(CancellationToken cancellation) => ListAsync(new Uri(_base!, "/v2/_catalog?n=1000"), "registry:catalog:*", page => page.Repositories, cancellation);

    private async Task<List<string>> ListAsync(Uri first, string scope, Func<ListPage, List<string>?> names, CancellationToken cancellation)
    {
        var all = new List<string>();
        var next = first;
        for (int page = 0; next is not null && page < MaxPages; page++)
        {
            var url = next;
            using var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Get, url), scope, cancellation);
            if (!response.IsSuccessStatusCode)
            {
                var (code, message) = await ErrorAsync(response, cancellation);
                throw response.StatusCode switch
                {
                    HttpStatusCode.NotFound => WharfException.NotFound($"{_name.FamiliarRepository}: {code}: {message}"),
                    HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new WharfException(ErrorKind.Unauthorized, $"{code}: {message}"),
                    _ => WharfException.Unavailable($"the registry answers {(int)response.StatusCode}: {code}: {message}"),
                };
            }
            var list = JsonSerializer.Deserialize(await ReadLimitedAsync(response.Content, MaxListPage, cancellation), RegistryListJson.Default.ListPage);
            if (list is not null && names(list) is { } found) all.AddRange(found);
            next = NextPage(url, response);
        }
        return all;
    }

    /// <summary>The next page by its Link header (RFC 8288), on the same host or not at all.</summary>
    private static Uri? NextPage(Uri url, HttpResponseMessage response)
    {
        if (!response.Headers.TryGetValues("Link", out var links)) return null;
        foreach (var link in links)
        {
            int open = link.IndexOf('<'), close = link.IndexOf('>');
            if (open < 0 || close < open || !link.Contains("rel=\"next\"", StringComparison.OrdinalIgnoreCase) && !link.Contains("rel=next", StringComparison.OrdinalIgnoreCase)) continue;
            var next = new Uri(url, link[(open + 1)..close]);
            return next.Authority == url.Authority && next.Scheme == url.Scheme ? next : null;
        }
        return null;
    }

    /// <summary>Deletes a tag (or, by digest, a manifest with its tags).</summary>
    public async Task DeleteManifestAsync(string reference, CancellationToken cancellation)
    {
        using var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, Url("manifests/" + reference)), DeleteScope, cancellation);
        if (response.IsSuccessStatusCode) return;
        var (code, message) = await ErrorAsync(response, cancellation);
        throw response.StatusCode switch
        {
            HttpStatusCode.NotFound => WharfException.NotFound($"{reference}: {code}: {message}"),
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new WharfException(ErrorKind.Forbidden, $"{code}: {message}"),
            HttpStatusCode.MethodNotAllowed => WharfException.NotImplemented($"the registry does not delete: {code}: {message}"),
            _ => WharfException.Unavailable($"the registry answers {(int)response.StatusCode}: {code}: {message}"),
        };
    }

    /// <summary>Any other request to the registry, with its challenge answered.</summary>
    public async Task<(HttpStatusCode Status, byte[] Body)> RequestAsync(HttpMethod method, string path, byte[]? body, CancellationToken cancellation)
    {
        using var response = await SendAsync(() =>
        {
            var request = new HttpRequestMessage(method, new Uri(_base!, path));
            if (body is not null) request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            return request;
        }, "registry:catalog:*", cancellation);
        return (response.StatusCode, await ReadLimitedAsync(response.Content, MaxListPage, cancellation));
    }
}

internal sealed record ListPage
{
    [JsonPropertyName("tags")] public List<string>? Tags { get; set; }
    [JsonPropertyName("repositories")] public List<string>? Repositories { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, MaxDepth = 16)]
[JsonSerializable(typeof(ListPage))]
internal sealed partial class RegistryListJson : JsonSerializerContext;
