using Wharf.Daemon.Registry.Storage;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>Copies an image with all that belongs to it from place to place, byte for byte. What the target has is not sent.</summary>
internal sealed class ImageCopy(ICopyPlace source, ICopyPlace target)
{
    private const int MaxDepth = 8;
    private readonly HashSet<Digest> _done = [];

    /// <summary>Copies what a reference stands for, or the image that it has for a platform; gives the digest.</summary>
    public async Task<Digest> RunAsync(string reference, string asTag, Platform? platform, CancellationToken cancellation) =>
        await ManifestAsync(platform is null ? reference : await ChooseAsync(reference, platform, cancellation), asTag, cancellation);

    /// <summary>The manifest that an index has for a platform; of what is no index, itself.</summary>
    private async Task<string> ChooseAsync(string reference, Platform platform, CancellationToken cancellation)
    {
        for (int depth = 0; depth <= MaxDepth; depth++)
        {
            var (bytes, mediaType, _) = await source.ManifestAsync(reference, cancellation);
            if (!ManifestDocuments.IsIndex(mediaType, bytes)) return reference;
            reference = Platforms.Choose(ManifestDocuments.ParseIndex(bytes, mediaType).Manifests ?? [], platform)?.Digest.ToString() ?? throw WharfException.NotFound($"the index has no image for {Platforms.Describe(platform)}");
        }
        throw TooDeep;
    }

    private static WharfException TooDeep => WharfException.Invalid("the image's indexes are nested too deep");

    private async Task<Digest> ManifestAsync(string reference, string? asTag, CancellationToken cancellation, int depth = 0)
    {
        if (depth > MaxDepth) throw TooDeep;
        var (bytes, mediaType, digest) = await source.ManifestAsync(reference, cancellation);
        var document = ManifestDocument.Parse(bytes, mediaType);
        foreach (var child in document.References.Where(child => child.MustExist && _done.Add(child.Digest)))
        {
            if (ManifestDocument.IsIndexType(document.MediaType) && await source.HasManifestAsync(child.Digest, cancellation)) await ManifestAsync(child.Digest.ToString(), null, cancellation, depth + 1);
            else await BlobAsync(child, cancellation);
        }
        await target.PutManifestAsync(asTag, bytes, document.MediaType, digest, cancellation);
        return digest;
    }

    private async Task BlobAsync(ManifestReference blob, CancellationToken cancellation)
    {
        if (await target.HasBlobAsync(blob.Digest, cancellation)) return;
        await target.PutBlobAsync(blob.Digest, blob.Size, stop => source.OpenBlobAsync(blob.Digest, stop), cancellation);
    }

    /// <summary>Copies what refers to a manifest, and what refers to that.</summary>
    public async Task ReferrersAsync(Digest subject, CancellationToken cancellation)
    {
        foreach (var descriptor in await source.ReferrersAsync(subject, cancellation))
            if (_done.Add(descriptor.Digest))
            {
                await ManifestAsync(descriptor.Digest.ToString(), null, cancellation);
                await ReferrersAsync(descriptor.Digest, cancellation);
            }
    }
}
