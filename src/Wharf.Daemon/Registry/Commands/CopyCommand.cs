using Wharf.Daemon.Registry.Storage;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>
/// <c>wharf registry copy</c>: between registries, directories and archives, byte for byte; no daemon has a part in it. What the destination has is not sent. Places are written as
/// skopeo writes them (<see cref="CopyLocation"/>).
/// </summary>
internal static class CopyCommand
{
    public static async Task<int> RunAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var words = arguments.Exactly(2, "wharf registry copy SOURCE DESTINATION");
        var (from, to) = (CopyLocation.Parse(words[0]), CopyLocation.Parse(words[1]));
        if (to.Name?.Digest is not null) throw WharfException.Invalid("the destination is named by a tag: its digest is the source's");
        var tag = to.Tag ?? from.Tag ?? ImageReference.DefaultTag;
        var mountFrom = from.IsRegistry && to.IsRegistry && from.Name!.Domain == to.Name!.Domain ? from.Name.Path : null;
        var session = new RegistrySession(credentials, arguments.All("--insecure-registry"));
        using var source = await from.OpenSourceAsync(session, CancellationToken.None);
        using var target = await to.OpenTargetAsync(session, mountFrom, CancellationToken.None);
        var copy = new Copy(source, target);
        var platform = arguments.One("--platform") is { } text ? Platforms.Parse(text) : target.TakesIndexes ? null : Platforms.Host;
        var reference = platform is null ? from.Reference : await copy.ChooseAsync(from.Reference, platform, CancellationToken.None);
        var digest = await copy.ManifestAsync(reference, tag, CancellationToken.None);
        if (arguments.Has("--referrers")) await copy.ReferrersAsync(digest, CancellationToken.None);
        await target.CompleteAsync(CancellationToken.None);
        Console.Out.WriteLine($"{to.Describe(tag)}: digest: {digest}");
        return 0;
    }

    private sealed class Copy(ICopyPlace source, ICopyPlace target)
    {
        private const int MaxDepth = 8;
        private readonly HashSet<Digest> _done = [];

        /// <summary>The manifest that an index has for a platform; of what is no index, itself.</summary>
        public async Task<string> ChooseAsync(string reference, Platform platform, CancellationToken cancellation)
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

        public async Task<Digest> ManifestAsync(string reference, string? asTag, CancellationToken cancellation, int depth = 0)
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
}
