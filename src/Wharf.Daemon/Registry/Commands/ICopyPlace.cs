using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>Where an image is copied from or to: a repository of a registry, a directory, or an archive.</summary>
internal interface ICopyPlace : IDisposable
{
    /// <summary>A manifest by tag or digest, its bytes as they are and verified; NotFound when there is none.</summary>
    Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation);

    /// <summary>Whether a digest is a manifest's. An index may list blobs too, as build caches do.</summary>
    Task<bool> HasManifestAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Opens a blob. Who takes it verifies what comes.</summary>
    Task<Stream> OpenBlobAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Descriptors of what has the digest as its subject.</summary>
    Task<List<Descriptor>> ReferrersAsync(Digest subject, CancellationToken cancellation);

    /// <summary>Whether the blob is here, or could be taken over without sending it.</summary>
    Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Stores a blob; refuses other bytes than the digest and size promise. Its bytes are opened anew for each attempt.</summary>
    Task PutBlobAsync(Digest digest, long size, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation);

    /// <summary>Stores a manifest whose contents are here, under a tag or by its digest alone. Atomic: a reader sees the former or the new one.</summary>
    Task PutManifestAsync(string? tag, byte[] bytes, string mediaType, Digest digest, CancellationToken cancellation);

    /// <summary>All has been put: archives are written by it.</summary>
    Task CompleteAsync(CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>Whether it holds indexes; one that does not takes an image of one platform.</summary>
    bool TakesIndexes => true;
}

/// <summary>A place that may know an image's whole name, and not its tag alone.</summary>
internal interface INamedImages : ICopyPlace
{
    /// <summary>The whole name of an image; null when it has none.</summary>
    Task<string?> FullNameAsync(string reference, CancellationToken cancellation);
}
