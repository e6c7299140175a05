using System.Net;
using Microsoft.Extensions.Logging;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>A repository of another registry, for those outside the engine: mirrors of the registry server and commands that work on registries.</summary>
public sealed class RemoteRepository(ImageReference name, AuthConfig? credentials, bool push, DaemonOptions options, ILogger log) : IDisposable
{
    private readonly RegistryClient _client = new(name, credentials, push, options, log);

    /// <summary>Prepares for pushing; blobs may be mounted from the repositories named.</summary>
    public Task ConnectForPushAsync(IEnumerable<string> mountFrom, CancellationToken cancellation) => _client.ConnectForPushAsync(mountFrom, cancellation);

    /// <summary>A manifest by tag or digest, its bytes as sent and verified.</summary>
    public Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation) => _client.ManifestAsync(reference, cancellation);
    /// <summary>The digest a tag names now, without fetching its manifest; null when the registry does not tell.</summary>
    public Task<Digest?> ManifestDigestAsync(string reference, CancellationToken cancellation) => _client.ManifestDigestAsync(reference, cancellation);
    /// <summary>A blob's size in bytes without its bytes; null when the registry does not tell.</summary>
    public Task<long?> BlobSizeAsync(Digest digest, CancellationToken cancellation) => _client.BlobSizeAsync(digest, cancellation);
    /// <summary>Opens a blob, with its size where the registry tells it. The caller verifies what comes.</summary>
    public Task<(Stream Stream, long? Size)> OpenBlobAsync(Digest digest, CancellationToken cancellation) => _client.OpenBlobAsync(digest, cancellation);
    /// <summary>A small blob whole and verified.</summary>
    public Task<byte[]> BlobAsync(Descriptor blob, long limit, CancellationToken cancellation) => _client.BlobAsync(blob, limit, cancellation);
    public Task<List<string>> TagsAsync(CancellationToken cancellation) => _client.TagsAsync(cancellation);
    /// <summary>Descriptors of what has the digest as its subject; of one kind of artifact, where a type is given.</summary>
    public Task<List<Descriptor>> ReferrersAsync(Digest subject, string? artifactType, CancellationToken cancellation) => _client.ReferrersAsync(subject, artifactType, cancellation);
    public Task<List<string>> RepositoriesAsync(CancellationToken cancellation) => _client.RepositoriesAsync(cancellation);

    public Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation) => _client.HasBlobAsync(digest, cancellation);
    public Task<bool> MountAsync(Digest digest, string fromRepository, CancellationToken cancellation) => _client.MountAsync(digest, fromRepository, cancellation);
    public Task UploadAsync(Descriptor blob, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation) => _client.UploadAsync(blob, open, static _ => { }, cancellation);
    public Task PutManifestAsync(string reference, byte[] bytes, string mediaType, CancellationToken cancellation) => _client.PutManifestAsync(reference, bytes, mediaType, cancellation);
    public Task DeleteManifestAsync(string reference, CancellationToken cancellation) => _client.DeleteManifestAsync(reference, cancellation);
    /// <summary>Any other request to the registry, with its challenge answered.</summary>
    public Task<(HttpStatusCode Status, byte[] Body)> RequestAsync(HttpMethod method, string path, byte[]? body, CancellationToken cancellation) => _client.RequestAsync(method, path, body, cancellation);

    public void Dispose() => _client.Dispose();
}
