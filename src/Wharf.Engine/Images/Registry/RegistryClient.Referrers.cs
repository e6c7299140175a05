using System.Net;
using System.Text.Json;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>
/// What refers to a manifest: by the referrers API or, where the registry has none, by the index that clients keep under the digest's tag (distribution-spec, "Unavailable
/// Referrers API").
/// </summary>
internal sealed partial class RegistryClient
{
    /// <summary>Descriptors of what has the digest as its subject; of one kind of artifact, where a type is given.</summary>
    public Task<List<Descriptor>> ReferrersAsync(Digest subject, string? artifactType, CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        // A registry may pass over the filter, so what comes is filtered again.
        List<Descriptor> OfType(List<Descriptor> list) => string.IsNullOrEmpty(artifactType) ? list : list.FindAll(one => one.ArtifactType == artifactType);
        var all = new List<Descriptor>();
        Uri? next = Url(connection, $"referrers/{subject}{(string.IsNullOrEmpty(artifactType) ? "" : "?artifactType=" + Uri.EscapeDataString(artifactType))}");
        while (next is { } page)
        {
            using var response = await connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, page), PullScope, cancellation);
            if (response.StatusCode == HttpStatusCode.NotFound) return OfType((await TaggedReferrersAsync(subject, cancellation)).Manifests ?? []);
            if (!response.IsSuccessStatusCode) throw await RefusedAsync(response, cancellation);
            all.AddRange(ManifestDocuments.ParseIndex(await RegistryConnection.ReadLimitedAsync(response.Content, MaxAnswer, cancellation), MediaTypes.OciIndex).Manifests ?? []);
            if (all.Count > _options.Limits.MaxTags) throw WharfException.Unavailable($"{subject} has more than {_options.Limits.MaxTags} referrers");
            next = NextPage(response, page);
        }
        return OfType(all);
    }, cancellation);

    /// <summary>The tag of the index of a digest's referrers ("Referrers Tag Schema").</summary>
    private static string TagOf(Digest subject) => $"{subject.Algorithm}-{subject.Hex[..64]}";

    /// <summary>The index of a digest's referrers, an empty one where there is none; InvalidArgument where the tag is something else's.</summary>
    private async Task<ImageIndex> TaggedReferrersAsync(Digest subject, CancellationToken cancellation)
    {
        try
        {
            var (bytes, type, _) = await ManifestAsync(TagOf(subject), cancellation);
            if (!ManifestDocuments.IsIndex(type, bytes)) throw WharfException.Invalid($"{_name.FamiliarRepository}:{TagOf(subject)} is no index: the referrers of {subject} cannot be told");
            return ManifestDocuments.ParseIndex(bytes, type);
        }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { return new ImageIndex(); }
    }

    /// <summary>The subject of a manifest of the registry; null without one, or where there is no such manifest.</summary>
    private async Task<Digest?> SubjectAsync(Digest manifest, CancellationToken cancellation)
    {
        try { return ManifestDocuments.SubjectOf((await ManifestAsync(manifest.ToString(), cancellation)).Bytes)?.Digest; }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { return null; }
    }

    /// <summary>Adds a manifest to its subject's index ("Pushing Manifests with Subject").</summary>
    private async Task AddReferrerAsync(Digest subject, byte[] bytes, string mediaType, CancellationToken cancellation)
    {
        var list = (await TaggedReferrersAsync(subject, cancellation)).Manifests ?? [];
        var digest = Digest.OfBytes(bytes);
        if (!list.Exists(one => one.Digest == digest)) await PutReferrersAsync(subject, [.. list, Describe(bytes, mediaType, digest)], cancellation);
    }

    /// <summary>A manifest as the list of referrers has it: an image manifest without a type of its own is of its config's.</summary>
    private static Descriptor Describe(byte[] bytes, string mediaType, Digest digest)
    {
        var one = new Descriptor { MediaType = mediaType, Digest = digest, Size = bytes.Length };
        if (ManifestDocuments.IsIndex(mediaType, bytes))
        {
            var index = ManifestDocuments.ParseIndex(bytes, mediaType);
            return one with { ArtifactType = index.ArtifactType, Annotations = index.Annotations };
        }
        var manifest = ManifestDocuments.ParseManifest(bytes, mediaType);
        return one with { ArtifactType = string.IsNullOrEmpty(manifest.ArtifactType) ? manifest.Config!.MediaType : manifest.ArtifactType, Annotations = manifest.Annotations };
    }

    /// <summary>Takes a manifest that is no more out of its subject's index ("Deleting Manifests"). A registry with the API has no such index.</summary>
    private async Task ForgetReferrerAsync(Digest subject, Digest digest, CancellationToken cancellation)
    {
        var list = (await TaggedReferrersAsync(subject, cancellation)).Manifests ?? [];
        if (list.RemoveAll(one => one.Digest == digest) > 0) await PutReferrersAsync(subject, list, cancellation);
    }

    private Task PutReferrersAsync(Digest subject, List<Descriptor> list, CancellationToken cancellation)
    {
        var index = JsonSerializer.SerializeToUtf8Bytes(new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = list }, ImageJson.Plain.ImageIndex);
        return PutManifestAsync(TagOf(subject), index, MediaTypes.OciIndex, cancellation);
    }
}
