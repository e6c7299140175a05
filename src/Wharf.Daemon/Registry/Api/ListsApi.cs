using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Daemon.Registry.Auth;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Api;

/// <summary>Content discovery: tags, referrers (distribution-spec end-8, end-12) and the older catalogue of repositories.</summary>
public sealed class ListsApi(RegistryStore store, RegistryRules rules)
{
    /// <summary>A page of the catalogue when the client names no size, and at most.</summary>
    private const int CatalogPage = 100, MaxCatalogPage = 10_000;
    /// <summary>So many bytes of a list are sent at a time.</summary>
    private const int Piece = 256 << 10;
    /// <summary>A list of referrers is an index, and those are limited to this many bytes; beyond, it comes in pages.</summary>
    private const int ReferrersPage = 4 << 20;

    /// <summary>Media types with their plus signs as they are, where the default would write them as escapes.</summary>
    private static readonly ImageJson Plain = new(new JsonSerializerOptions(ImageJson.Default.Options) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public async Task TagsAsync(RegistryRequest request)
    {
        var upstream = rules.Mirror is { } mirror ? await mirror.TagsAsync(request.Name, request.Cancellation) : null;
        if (upstream is null && !await store.Metadata.HasRepositoryAsync(request.Name, request.Cancellation)) throw new RegistryException(RegistryErrorCode.NameUnknown, detail: request.Name);
        int? asked = request.PageSize();
        int limit = asked is { } n ? Math.Min(n, rules.MaxTagPage) : rules.MaxTagPage;
        var page = limit == 0 ? TagSlice.Empty
            : upstream is null ? await store.Metadata.ListTagsJsonAsync(request.Name, limit, request.Query("last"), request.Cancellation)
            : TagSlice.Of(await WithUpstreamAsync(request, upstream, limit));
        if (page.HasMore) request.Header("Link", $"</v2/{request.Name}/tags/list?last={Uri.EscapeDataString(page.Last)}&n={limit}>; rel=\"next\"");
        await SendAsync(request, page.Json);
    }

    /// <summary>Tags of a mirrored repository: those of the upstream, and those that are here though it has them no more.</summary>
    private async Task<NamePage> WithUpstreamAsync(RegistryRequest request, IReadOnlyList<string> upstream, int limit)
    {
        var here = await store.Metadata.ListTagsAsync(request.Name, int.MaxValue, null, request.Cancellation);
        var all = new SortedSet<string>(upstream.Concat(here.Names), TagOrder.Instance).Where(tag => request.Query("last") is not { Length: > 0 } last || TagOrder.Instance.Compare(tag, last) > 0).Take(limit + 1).ToList();
        return all.Count > limit ? new NamePage(all[..limit], true) : new NamePage(all, false);
    }

    /// <summary>A long list goes out piece by piece: no connection has it in its buffers whole.</summary>
    private static async Task SendAsync(RegistryRequest request, ReadOnlyMemory<byte> tags)
    {
        var (before, after) = (Encoding.ASCII.GetBytes($"{{\"name\":\"{request.Name}\",\"tags\":["), "]}"u8.ToArray());
        request.Http.Response.ContentType = "application/json";
        request.Http.Response.ContentLength = before.Length + tags.Length + after.Length;
        if (request.IsHead) return;
        var body = request.Http.Response.BodyWriter;
        body.Write(before);
        for (; tags.Length > 0; tags = tags[Math.Min(tags.Length, Piece)..])
        {
            body.Write(tags.Span[..Math.Min(tags.Length, Piece)]);
            await body.FlushAsync(request.Cancellation);
        }
        await body.WriteAsync(after, request.Cancellation);
    }

    /// <summary>Repositories the caller may read, in order of their names.</summary>
    public async Task CatalogAsync(RegistryRequest request)
    {
        int limit = Math.Min(request.PageSize() ?? CatalogPage, MaxCatalogPage);
        var page = limit == 0 ? new NamePage([], false)
            : await store.Metadata.ListRepositoriesAsync(limit, request.Query("last"), request.Identity.Catalog ?? (_ => false), request.Cancellation);
        if (page.HasMore) request.Header("Link", $"</v2/_catalog?last={Uri.EscapeDataString(page.Names[^1])}&n={limit}>; rel=\"next\"");
        await request.JsonAsync(new RepositoryList { Repositories = page.Names }, ListsJson.Default.RepositoryList);
    }

    /// <summary>Manifests whose subject is the digest. What is not there has none: the answer is never 404.</summary>
    public async Task ReferrersAsync(RegistryRequest request)
    {
        var subject = RegistryRequest.ParseDigest(request.Route.Reference);
        var all = (await store.Metadata.ListReferrersAsync(request.Name, subject, request.Cancellation)).Select(record => record.ToDescriptor());
        if (rules.Mirror is { } mirror && await mirror.ReferrersAsync(request.Name, subject, request.Cancellation) is { } upstream) all = upstream.Concat(all).DistinctBy(descriptor => descriptor.Digest).OrderBy(descriptor => descriptor.Digest);
        if (request.Query("artifactType") is { Length: > 0 } type)
        {
            all = all.Where(descriptor => descriptor.ArtifactType == type);
            request.Header("OCI-Filters-Applied", "artifactType");
        }
        if (request.Query("last") is { Length: > 0 } last) all = all.SkipWhile(descriptor => string.CompareOrdinal(descriptor.Digest.ToString(), last) <= 0);
        var page = new List<Descriptor>();
        int size = 0;
        foreach (var descriptor in all)
        {
            size += JsonSerializer.SerializeToUtf8Bytes(descriptor, Plain.Descriptor).Length + 1;
            if (size > ReferrersPage && page.Count > 0)
            {
                var filter = request.Query("artifactType") is { Length: > 0 } text ? "artifactType=" + Uri.EscapeDataString(text) + "&" : "";
                request.Header("Link", $"</v2/{request.Name}/referrers/{subject}?{filter}last={page[^1].Digest}>; rel=\"next\"");
                break;
            }
            page.Add(descriptor);
        }
        await request.JsonAsync(new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = page }, Plain.ImageIndex, MediaTypes.OciIndex);
    }
}

internal sealed record RepositoryList
{
    [JsonPropertyName("repositories")] public required IReadOnlyList<string> Repositories { get; init; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(RepositoryList))]
internal sealed partial class ListsJson : JsonSerializerContext;
