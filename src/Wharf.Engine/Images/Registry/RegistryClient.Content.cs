using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>What mirrors and the registry's own commands ask beside pulls and pushes.</summary>
internal sealed partial class RegistryClient
{
    private const int MaxAnswer = 16 << 20;
    private const string CatalogScope = "registry:catalog:*";
    private string DeleteScope => $"repository:{_name.Path}:pull,delete";

    /// <summary>The digest a tag names now, without fetching its manifest; null when the registry does not tell.</summary>
    public Task<Digest?> ManifestDigestAsync(string reference, CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        using var response = await connection.SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Head, Url(connection, "manifests/" + reference));
            foreach (var type in ManifestTypes) request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
            return request;
        }, PullScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await ManifestErrorAsync(response, reference, cancellation);
        return response.Headers.TryGetValues("Docker-Content-Digest", out var values) && Digest.TryParse(values.First(), out var digest) ? digest : (Digest?)null;
    }, cancellation);

    /// <summary>Opens a blob, with its size in bytes where the registry tells it. It goes on after cuts. The caller verifies what comes.</summary>
    public Task<(Stream Stream, long? Size)> OpenBlobAsync(Digest digest, CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        Task<HttpResponseMessage> From(long offset, CancellationToken stop) => OpenBlobAsync(connection, digest, offset, stop);
        var answer = await From(0, cancellation);
        return ((Stream)new BlobReader(From, answer, _options.MaxDownloadAttempts), answer.Content.Headers.ContentLength);
    }, cancellation);

    private async Task<HttpResponseMessage> OpenBlobAsync(RegistryConnection connection, Digest digest, long from, CancellationToken cancellation)
    {
        var response = await connection.SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, Url(connection, "blobs/" + digest));
            if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            return request;
        }, PullScope, cancellation);
        if (response.IsSuccessStatusCode) return response;
        using (response) throw await BlobErrorAsync(response, new Descriptor { Digest = digest }, cancellation);
    }

    /// <summary>A blob's size in bytes without its bytes; null when the registry does not tell.</summary>
    public Task<long?> BlobSizeAsync(Digest digest, CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        using var response = await connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Head, Url(connection, "blobs/" + digest)), PullScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await BlobErrorAsync(response, new Descriptor { Digest = digest }, cancellation);
        return response.Content.Headers.ContentLength;
    }, cancellation);

    /// <summary>All repositories of the registry that the caller may see.</summary>
    public Task<List<string>> RepositoriesAsync(CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        var all = new List<string>();
        Uri? next = new(connection.Base, "/v2/_catalog?n=1000");
        while (next is { } page)
        {
            using var response = await connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, page), CatalogScope, cancellation);
            if (!response.IsSuccessStatusCode) throw await RefusedAsync(response, cancellation);
            all.AddRange(JsonSerializer.Deserialize(await RegistryConnection.ReadLimitedAsync(response.Content, MaxAnswer, cancellation), RegistryCatalogJson.Default.CatalogPage)?.Repositories ?? []);
            if (all.Count > _options.Limits.MaxTags) throw WharfException.Unavailable($"the registry has more than {_options.Limits.MaxTags} repositories");
            next = NextPage(response, page);
        }
        return all;
    }, cancellation);

    /// <summary>Deletes a tag (or, by digest, a manifest with its tags).</summary>
    public async Task DeleteManifestAsync(string reference, CancellationToken cancellation)
    {
        await Target.ConnectAsync(cancellation);
        var subject = Digest.TryParse(reference, out var digest) ? await SubjectAsync(digest, cancellation) : null;
        using var response = await Target.SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, Url(Target, "manifests/" + reference)), DeleteScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await RefusedAsync(response, cancellation);
        if (subject is not null) await ForgetReferrerAsync(subject.Value, digest, cancellation);
    }

    /// <summary>Any other request to the registry, with its challenge answered.</summary>
    public async Task<(HttpStatusCode Status, byte[] Body)> RequestAsync(HttpMethod method, string path, byte[]? body, CancellationToken cancellation)
    {
        await Target.ConnectAsync(cancellation);
        using var response = await Target.SendAsync(() =>
        {
            var request = new HttpRequestMessage(method, new Uri(Target.Base, path));
            if (body is not null) request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            return request;
        }, path.StartsWith($"/v2/{_name.Path}/", StringComparison.Ordinal) ? PullScope : CatalogScope, cancellation);
        return (response.StatusCode, await RegistryConnection.ReadLimitedAsync(response.Content, MaxAnswer, cancellation));
    }

    private static async Task<WharfException> RefusedAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var (code, message) = await RegistryConnection.ErrorAsync(response, cancellation);
        return response.StatusCode switch
        {
            HttpStatusCode.NotFound => WharfException.NotFound($"{code}: {message}"),
            HttpStatusCode.Unauthorized => new WharfException(ErrorKind.Unauthorized, $"{code}: {message}"),
            HttpStatusCode.Forbidden => new WharfException(ErrorKind.Forbidden, $"{code}: {message}"),
            HttpStatusCode.MethodNotAllowed => WharfException.NotImplemented($"the registry refuses: {code}: {message}"),
            _ => WharfException.Unavailable($"the registry answers {(int)response.StatusCode}: {code}: {message}"),
        };
    }
}

internal sealed record CatalogPage
{
    [JsonPropertyName("repositories")] public List<string>? Repositories { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, MaxDepth = 16)]
[JsonSerializable(typeof(CatalogPage))]
internal sealed partial class RegistryCatalogJson : JsonSerializerContext;
