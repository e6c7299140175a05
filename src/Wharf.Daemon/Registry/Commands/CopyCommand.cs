using System.Text.Json;
using Wharf.Daemon.Registry.Storage;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary><c>wharf registry copy</c>: from registry to registry, byte for byte, nothing kept here. What the destination has is not sent.</summary>
internal static class CopyCommand
{
    public static async Task<int> RunAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var words = arguments.Exactly(2, "wharf registry copy SOURCE DESTINATION");
        var (from, to) = (ImageReference.Parse(words[0]).WithDefaultTag(), ImageReference.Parse(words[1]));
        if (to.Digest is not null) throw WharfException.Invalid("the destination is named by a tag: its digest is the source's");
        if (to.Tag is null) to = to.WithTag(from.Tag ?? ImageReference.DefaultTag);
        var session = new RegistrySession(credentials, arguments.All("--insecure-registry"));
        using var source = await session.ConnectAsync(from, false, CancellationToken.None);
        using var target = await session.ConnectAsync(to, true, CancellationToken.None, from.Domain == to.Domain ? [from.Path] : []);
        var copy = new Copy(source, target, from.Domain == to.Domain ? from.Path : null);
        var digest = await copy.ManifestAsync(from.Digest?.ToString() ?? from.Tag!, to.Tag!, CancellationToken.None);
        if (arguments.Has("--referrers")) await copy.ReferrersAsync(from.Path, digest, CancellationToken.None);
        Console.Out.WriteLine($"{to.Familiar}: digest: {digest}");
        return 0;
    }

    private sealed class Copy(RemoteRepository source, RemoteRepository target, string? mountFrom)
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
                if (ManifestDocument.IsIndexType(document.MediaType) && await IsManifestAsync(child.Digest, cancellation)) await ManifestAsync(child.Digest.ToString(), null, cancellation, depth + 1);
                else await BlobAsync(child, cancellation);
            }
            await target.PutManifestAsync(asTag ?? digest.ToString(), bytes, document.MediaType, cancellation);
            return digest;
        }

        /// <summary>An index may list blobs too, as build caches do.</summary>
        private async Task<bool> IsManifestAsync(Digest digest, CancellationToken cancellation)
        {
            try
            {
                await source.ManifestDigestAsync(digest.ToString(), cancellation);
                return true;
            }
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { return false; }
        }

        private async Task BlobAsync(ManifestReference blob, CancellationToken cancellation)
        {
            if (await target.HasBlobAsync(blob.Digest, cancellation)) return;
            if (mountFrom is not null && await target.MountAsync(blob.Digest, mountFrom, cancellation)) return;
            var (stream, _) = await source.OpenBlobAsync(blob.Digest, cancellation);
            await using var owner = stream;
            await target.UploadAsync(new Descriptor { Digest = blob.Digest, Size = blob.Size }, () => stream, cancellation);
        }

        public async Task ReferrersAsync(string path, Digest subject, CancellationToken cancellation)
        {
            var (status, body) = await source.RequestAsync(HttpMethod.Get, $"/v2/{path}/referrers/{subject}", null, cancellation);
            if (status != System.Net.HttpStatusCode.OK) return;
            foreach (var descriptor in JsonSerializer.Deserialize(body, ImageJson.Default.ImageIndex)?.Manifests ?? [])
                if (_done.Add(descriptor.Digest))
                {
                    await ManifestAsync(descriptor.Digest.ToString(), null, cancellation);
                    await ReferrersAsync(path, descriptor.Digest, cancellation);
                }
        }
    }
}
