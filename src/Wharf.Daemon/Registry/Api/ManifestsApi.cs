using Microsoft.AspNetCore.Http;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Storage;
using Wharf.Engine.Content;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Api;

/// <summary>GET, HEAD, PUT and DELETE of manifests and tags (distribution-spec end-3, end-7, end-9).</summary>
public sealed class ManifestsApi(RegistryStore store, RegistryRules rules)
{
    private const int MaxTagsAtOnce = 64;

    public async Task GetAsync(RegistryRequest request)
    {
        var reference = request.Route.Reference;
        if (rules.Mirror is { } mirror) await mirror.EnsureManifestAsync(request.Name, reference, request.Cancellation);
        var manifest = await store.FindManifestAsync(request.Name, reference, request.Cancellation) ?? throw await MissingAsync(request);
        if (rules.Trust is { } trust) await trust.CheckAsync(request.Name, manifest, request.Identity, request.Cancellation);
        var tag = $"\"{manifest.Digest}\"";
        request.Header("Docker-Content-Digest", manifest.Digest.ToString());
        request.Header("ETag", tag);
        if (EntityTags.Match(request.Http.Request.Headers.IfNoneMatch, tag))
        {
            await request.EmptyAsync(StatusCodes.Status304NotModified);
            return;
        }
        if (request.IsHead)
        {
            request.Http.Response.ContentType = manifest.MediaType;
            request.Http.Response.ContentLength = manifest.Size;
            return;
        }
        var bytes = await store.ReadManifestAsync(manifest.Digest, request.Cancellation);
        store.Metadata.NotePull(request.Name, manifest.Digest);
        rules.Metrics.ManifestsPulled.Add(1);
        if (rules.ReportsPulls) rules.Report(request, "pull", manifest.Digest, request.Route.IsTag ? reference : null);
        await request.BytesAsync(bytes, manifest.MediaType);
    }

    private async Task<RegistryException> MissingAsync(RegistryRequest request) => await store.Metadata.HasRepositoryAsync(request.Name, request.Cancellation)
        ? new RegistryException(RegistryErrorCode.ManifestUnknown, detail: request.Route.Reference)
        : new RegistryException(RegistryErrorCode.NameUnknown, detail: request.Name);

    public async Task PutAsync(RegistryRequest request)
    {
        rules.CheckMayGrow(request.Name);
        var bytes = await ReadAsync(request);
        // Parameters on the content type are ignored, as the specification says.
        var contentType = request.Http.Request.ContentType?.Split(';')[0].Trim();
        var document = ManifestDocument.Parse(bytes, contentType);
        var reference = request.Route.Reference;
        var asked = request.Route.IsTag ? request.Query("digest") : reference;
        var wanted = asked is { Length: > 0 } ? RegistryRequest.ParseDigest(asked) : (Digest?)null;
        var digest = RegistryStore.DigestOf(bytes, wanted?.Algorithm ?? "sha256");
        if (wanted is { } given && given != digest) throw new RegistryException(RegistryErrorCode.DigestInvalid, detail: $"expected {given}, received {digest}");
        var tags = TagsOf(request);
        await store.PutManifestAsync(request.Name, document, digest, bytes, tags, request.Identity.Name is { Length: > 0 } name ? name : null, (tag, present) => Check(request, tag, present, digest), request.Cancellation);
        rules.Grew(request.Name, bytes.Length);
        rules.Metrics.ManifestsPushed.Add(1);
        if (tags.Count == 0) rules.Report(request, "push", digest, null);
        foreach (var tag in tags) rules.Report(request, "push", digest, tag);
        if (document.Subject is { } subject) request.Header("OCI-Subject", subject.ToString());
        if (!request.Route.IsTag && tags.Count > 0) request.Http.Response.Headers["OCI-Tag"] = tags.ToArray();
        request.Header("Location", $"/v2/{request.Name}/manifests/{(request.Route.IsTag ? digest.ToString() : reference)}");
        request.Header("Docker-Content-Digest", digest.ToString());
        await request.EmptyAsync(StatusCodes.Status201Created);
    }

    /// <summary>The tag of the path, or those of the query beside a digest.</summary>
    private static List<string> TagsOf(RegistryRequest request)
    {
        if (request.Route.IsTag) return [request.Route.Reference];
        var tags = request.Http.Request.Query["tag"].Where(tag => tag is { Length: > 0 }).Select(tag => tag!).Distinct().ToList();
        if (tags.Count > MaxTagsAtOnce) throw new RegistryException(RegistryErrorCode.ManifestInvalid, $"more than {MaxTagsAtOnce} tags at once");
        return tags.TrueForAll(RegistryRoute.IsValidTag) ? tags : throw new RegistryException(RegistryErrorCode.ManifestInvalid, "invalid tag");
    }

    /// <summary>Conditions of the request and of the repository's rules, under the tag's lock.</summary>
    private void Check(RegistryRequest request, string tag, TagRecord? present, Digest digest)
    {
        var headers = request.Http.Request.Headers;
        bool failed = headers.IfMatch.Count > 0 && (present is null || !EntityTags.Match(headers.IfMatch, $"\"{present.Digest}\""))
            || headers.IfNoneMatch.Count > 0 && present is not null && EntityTags.Match(headers.IfNoneMatch, $"\"{present.Digest}\"");
        if (failed) throw new RegistryException(RegistryErrorCode.PreconditionFailed);
        if (present is not null && present.Digest != digest && rules.IsImmutable(request.Name, tag)) throw new RegistryException(RegistryErrorCode.Denied, $"tag {tag} of {request.Name} is immutable: it names another manifest already");
    }

    private async Task<byte[]> ReadAsync(RegistryRequest request)
    {
        long limit = store.Limits.MaxManifest;
        if (request.Http.Request.ContentLength > limit) throw new RegistryException(RegistryErrorCode.ManifestTooLarge, $"manifests are limited to {limit} bytes");
        return await request.Http.Request.Body.ReadWholeAsync(limit, () => new RegistryException(RegistryErrorCode.ManifestTooLarge, $"manifests are limited to {limit} bytes"), request.Cancellation);
    }

    /// <summary>A tag goes alone; a digest takes the tags that point at it along.</summary>
    public async Task DeleteAsync(RegistryRequest request)
    {
        rules.CheckDeletesAllowed();
        var reference = request.Route.Reference;
        if (request.Route.IsTag)
        {
            if (rules.IsImmutable(request.Name, reference)) throw new RegistryException(RegistryErrorCode.Denied, $"tag {reference} of {request.Name} is immutable");
            var record = await store.Metadata.FindTagAsync(request.Name, reference, request.Cancellation) ?? throw await MissingAsync(request);
            await store.DeleteTagAsync(request.Name, reference, request.Cancellation);
            rules.Report(request, "delete", record.Digest, reference);
        }
        else
        {
            var digest = RegistryRequest.ParseDigest(reference);
            if (!await store.Metadata.HasRepositoryAsync(request.Name, request.Cancellation)) throw new RegistryException(RegistryErrorCode.NameUnknown, detail: request.Name);
            foreach (var (tag, record) in rules.HasImmutable(request.Name) ? await store.Metadata.ListTagRecordsAsync(request.Name, request.Cancellation) : [])
                if (record.Digest == digest && rules.IsImmutable(request.Name, tag)) throw new RegistryException(RegistryErrorCode.Denied, $"tag {tag} of {request.Name} points at the manifest and is immutable");
            await store.DeleteManifestAsync(request.Name, digest, request.Cancellation);
            rules.Report(request, "delete", digest, null);
            request.Header("Docker-Content-Digest", digest.ToString());
        }
        await request.EmptyAsync(StatusCodes.Status202Accepted);
    }
}
