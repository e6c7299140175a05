using Wharf.Daemon.Registry.Http;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>A blob that can be served: its digest and size in bytes.</summary>
public sealed record BlobInfo(Digest Digest, long Size);

/// <summary>Content of repositories: reading and taking away. Pushing is in the other part.</summary>
public sealed partial class RegistryStore(IObjectStore objects, IMetadata metadata, UploadStore uploads, StoreLimits limits) : IAsyncDisposable
{
    private readonly ByteCache _manifests = new(limits.ManifestCache);
    private readonly KeyedLocks _digestLocks = new(), _tagLocks = new();
    /// <summary>Pushes go on beside each other (readers); the collector takes a repository's unused links away alone (writer), a batch at a time.</summary>
    private readonly AsyncReaderWriterLock _collection = new();

    public IObjectStore Objects { get; } = objects;
    public IMetadata Metadata { get; } = metadata;
    public UploadStore Uploads { get; } = uploads;
    public StoreLimits Limits { get; } = limits;

    /// <summary>Null when the repository does not have the blob.</summary>
    public async Task<BlobInfo?> FindBlobAsync(string name, Digest digest, CancellationToken cancellation) =>
        await Metadata.HasBlobAsync(name, digest, cancellation) && await Objects.StatAsync(Keys.Blob(digest), cancellation) is { } blob ? new BlobInfo(digest, blob.Size) : null;

    /// <summary>The manifest a tag or digest names; null when there is none.</summary>
    public async Task<ManifestRecord?> FindManifestAsync(string name, string reference, CancellationToken cancellation)
    {
        if (reference.Contains(':')) return await Metadata.FindManifestAsync(name, RegistryRequest.ParseDigest(reference), cancellation);
        return await Metadata.FindTagAsync(name, reference, cancellation) is { } tag ? await Metadata.FindManifestAsync(name, tag.Digest, cancellation) : null;
    }

    /// <summary>The manifest's bytes as they were pushed.</summary>
    public async Task<byte[]> ReadManifestAsync(Digest digest, CancellationToken cancellation)
    {
        if (_manifests.Find(digest) is { } cached) return cached;
        var bytes = await Objects.ReadAsync(Keys.Blob(digest), Limits.MaxManifest, cancellation) ?? throw new RegistryException(RegistryErrorCode.ManifestUnknown, detail: digest.ToString());
        if (DigestOf(bytes, digest.Algorithm) != digest) throw new InvalidDataException($"manifest {digest} is damaged in the store");
        _manifests.Add(digest, bytes);
        return bytes;
    }

    public static Digest DigestOf(ReadOnlySpan<byte> bytes, string algorithm) =>
        algorithm == "sha512" ? Digest.FromSha512(System.Security.Cryptography.SHA512.HashData(bytes)) : Digest.OfBytes(bytes);

    /// <summary>Takes a blob out of a repository; its bytes go when no other repository has it.</summary>
    public async Task DeleteBlobAsync(string name, Digest digest, CancellationToken cancellation)
    {
        if (!await Metadata.HasBlobAsync(name, digest, cancellation)) throw new RegistryException(RegistryErrorCode.BlobUnknown, detail: digest.ToString());
        // A manifest is deleted as a manifest: as a blob it would leave tags that point at nothing.
        if (await Metadata.FindManifestAsync(name, digest, cancellation) is not null) throw new RegistryException(RegistryErrorCode.Unsupported, "this blob is a manifest: delete it as one");
        await UnlinkAsync(name, digest, cancellation);
    }

    public async Task<IReadOnlyList<string>> DeleteManifestAsync(string name, Digest digest, CancellationToken cancellation)
    {
        using var collection = await _collection.ReaderAsync(cancellation);
        if (await Metadata.FindManifestAsync(name, digest, cancellation) is null) throw new RegistryException(RegistryErrorCode.ManifestUnknown, detail: digest.ToString());
        var tags = await Metadata.DeleteManifestAsync(name, digest, cancellation);
        await FreeAsync(digest, cancellation);
        return tags;
    }

    /// <summary>Takes a tag away; the manifest stays, and other tags of it.</summary>
    public async Task DeleteTagAsync(string name, string tag, CancellationToken cancellation)
    {
        using var gate = await _tagLocks.TakeAsync(name + ":" + tag, cancellation);
        if (await Metadata.FindTagAsync(name, tag, cancellation) is null) throw new RegistryException(RegistryErrorCode.ManifestUnknown, detail: tag);
        await Metadata.DeleteTagAsync(name, tag, cancellation);
    }

    /// <summary>Removes a repository with all its tags, manifests and links; frees what only it had.</summary>
    public async Task DeleteRepositoryAsync(string name, CancellationToken cancellation)
    {
        using var collection = await _collection.WriterAsync(cancellation);
        if (!await Metadata.HasRepositoryAsync(name, cancellation)) throw new RegistryException(RegistryErrorCode.NameUnknown, detail: name);
        var digests = (await Metadata.ListBlobLinksAsync(name, cancellation)).Select(link => link.Digest).Concat((await Metadata.ListManifestsAsync(name, cancellation)).Select(manifest => manifest.Digest)).ToHashSet();
        await Metadata.DeleteRepositoryAsync(name, cancellation);
        foreach (var digest in digests) await FreeAsync(digest, cancellation);
    }

    private async Task UnlinkAsync(string name, Digest digest, CancellationToken cancellation)
    {
        await Metadata.UnlinkBlobAsync(name, digest, cancellation);
        await FreeAsync(digest, cancellation);
    }

    /// <summary>Deletes the bytes when no repository links them. On a shared store the collector does that, after a time of grace.</summary>
    private async Task<long> FreeAsync(Digest digest, CancellationToken cancellation)
    {
        if (Objects.IsShared) return 0;
        using var gate = await _digestLocks.TakeAsync(digest.ToString(), cancellation);
        if (await Metadata.FindRepositoryOfBlobAsync(digest, _ => true, cancellation) is not null) return 0;
        long size = (await Objects.StatAsync(Keys.Blob(digest), cancellation))?.Size ?? 0;
        await Objects.DeleteAsync(Keys.Blob(digest), cancellation);
        _manifests.Remove(digest);
        return size;
    }

    public async ValueTask DisposeAsync()
    {
        Uploads.Dispose();
        await Metadata.DisposeAsync();
        await Objects.DisposeAsync();
    }
}

/// <summary>Bounds on what is stored, in bytes.</summary>
public sealed record StoreLimits
{
    public long MaxManifest { get; init; } = 8L << 20;
    public long MaxBlob { get; init; } = 1L << 40;
    public long ManifestCache { get; init; } = 16L << 20;
}
