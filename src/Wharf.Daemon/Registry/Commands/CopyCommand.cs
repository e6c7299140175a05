using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>
/// <c>wharf registry copy</c>: between registries and directories, byte for byte; no daemon has a part in it. What the destination has is not sent. Places are written as
/// skopeo writes them: <c>[docker://]NAME</c> and <c>oci:DIRECTORY[:TAG]</c>.
/// </summary>
internal static class CopyCommand
{
    private const string Layout = "oci:", Registry = "docker://";

    public static async Task<int> RunAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var words = arguments.Exactly(2, "wharf registry copy SOURCE DESTINATION");
        var (from, to) = (Place.Parse(words[0]), Place.Parse(words[1]));
        if (to.Name?.Digest is not null) throw WharfException.Invalid("the destination is named by a tag: its digest is the source's");
        var reference = from.Name?.Digest?.ToString() ?? from.Tag ?? (from.Name is null ? LayoutPlace.Only : ImageReference.DefaultTag);
        var tag = to.Tag ?? from.Tag ?? ImageReference.DefaultTag;
        bool isOneRegistry = from.Name is { } one && to.Name is { } other && one.Domain == other.Domain;
        var session = new RegistrySession(credentials, arguments.All("--insecure-registry"));
        using ICopyPlace source = from.Name is { } name ? new RepositoryPlace(await session.ConnectAsync(name, false, CancellationToken.None)) : new LayoutPlace(from.Directory);
        using ICopyPlace target = to.Name is { } place ? new RepositoryPlace(await session.ConnectAsync(place, true, CancellationToken.None, isOneRegistry ? [from.Name!.Path] : []), isOneRegistry ? from.Name!.Path : null) : new LayoutPlace(to.Directory);
        var copy = new Copy(source, target);
        var digest = await copy.ManifestAsync(reference, tag, CancellationToken.None);
        if (arguments.Has("--referrers")) await copy.ReferrersAsync(digest, CancellationToken.None);
        Console.Out.WriteLine($"{(to.Name is { } there ? there.WithTag(tag).Familiar : $"{Layout}{to.Directory}:{tag}")}: digest: {digest}");
        return 0;
    }

    /// <summary>What was written for a place: a name at a registry, or a directory, with the tag if one was said.</summary>
    private sealed record Place(ImageReference? Name, string Directory, string? Tag)
    {
        public static Place Parse(string text)
        {
            if (text.StartsWith(Layout, StringComparison.Ordinal))
            {
                var path = text[Layout.Length..];
                // The tag follows the last colon; no directory's name has one here, as with skopeo.
                int colon = path.IndexOf(':');
                var (directory, tag) = colon < 0 ? (path, null) : (path[..colon], path[(colon + 1)..]);
                if (directory.Length == 0 || tag is { Length: 0 }) throw WharfException.Invalid($"\"{text}\": expected oci:DIRECTORY[:TAG]");
                return new Place(null, directory, tag);
            }
            var name = ImageReference.Parse(text.StartsWith(Registry, StringComparison.Ordinal) ? text[Registry.Length..] : text);
            return new Place(name, "", name.Tag);
        }
    }

    private sealed class Copy(ICopyPlace source, ICopyPlace target)
    {
        private const int MaxDepth = 8;
        private readonly HashSet<Digest> _done = [];

        public async Task<Digest> ManifestAsync(string reference, string? asTag, CancellationToken cancellation, int depth = 0)
        {
            if (depth > MaxDepth) throw WharfException.Invalid("the image's indexes are nested too deep");
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
