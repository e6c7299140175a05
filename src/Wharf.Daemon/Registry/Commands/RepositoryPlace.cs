using Wharf.Engine.Images.Registry;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>A repository of a registry. Blobs of <paramref name="mountFrom"/>, another one of the same registry, are mounted.</summary>
internal sealed class RepositoryPlace(RemoteRepository repository, string? mountFrom = null) : ICopyPlace
{
    public Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation) => repository.ManifestAsync(reference, cancellation);

    public async Task<bool> HasManifestAsync(Digest digest, CancellationToken cancellation)
    {
        try
        {
            await repository.ManifestDigestAsync(digest.ToString(), cancellation);
            return true;
        }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { return false; }
    }

    public async Task<Stream> OpenBlobAsync(Digest digest, CancellationToken cancellation) => (await repository.OpenBlobAsync(digest, cancellation)).Stream;

    public Task<List<Descriptor>> ReferrersAsync(Digest subject, CancellationToken cancellation) => repository.ReferrersAsync(subject, null, cancellation);

    public async Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation) =>
        await repository.HasBlobAsync(digest, cancellation) || (mountFrom is not null && await repository.MountAsync(digest, mountFrom, cancellation));

    public Task PutBlobAsync(Digest digest, long size, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation) => repository.UploadAsync(new Descriptor { Digest = digest, Size = size }, open, cancellation);

    public Task PutManifestAsync(string? tag, byte[] bytes, string mediaType, Digest digest, CancellationToken cancellation) => repository.PutManifestAsync(tag ?? digest.ToString(), bytes, mediaType, cancellation);

    public void Dispose() => repository.Dispose();
}
