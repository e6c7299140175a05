using Wharf.Daemon.Registry.Http;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>What comes in: uploads that end, mounts, manifests.</summary>
public sealed partial class RegistryStore
{
    /// <summary>Ends an upload: its bytes become the blob, readable through its repository. DIGEST_INVALID when they are others, and the upload is gone.</summary>
    public async Task CommitAsync(Upload upload, Digest digest, CancellationToken cancellation)
    {
        await upload.UseAlgorithmAsync(digest.Algorithm, cancellation);
        var found = upload.Finish();
        if (found != digest)
        {
            await Uploads.EndAsync(upload);
            throw new RegistryException(RegistryErrorCode.DigestInvalid, detail: $"expected {digest}, received {found}");
        }
        using var collection = await _collection.ReaderAsync(cancellation);
        using var gate = await _digestLocks.TakeAsync(digest.ToString(), cancellation);
        // A shared store is written again: that makes the blob young, and no collector of another process takes it.
        if (Objects.IsShared || await Objects.StatAsync(Keys.Blob(digest), cancellation) is not { } blob || blob.Size != upload.Offset)
            await Uploads.MoveAsync(upload, Objects, Keys.Blob(digest), cancellation);
        await Metadata.LinkBlobAsync(upload.Name, digest, cancellation);
        await Uploads.EndAsync(upload);
    }

    /// <summary>Makes a blob of another repository readable through this one; false when there is none that fits.</summary>
    public async Task<bool> MountAsync(string name, Digest digest, string? from, Func<string, bool> mayRead, CancellationToken cancellation)
    {
        using var collection = await _collection.ReaderAsync(cancellation);
        if (from is not null)
        {
            if (!mayRead(from) || !await Metadata.HasBlobAsync(from, digest, cancellation)) return false;
        }
        else if (await Metadata.FindSourceOfBlobAsync(digest, mayRead, cancellation) is null) return false;
        using var gate = await _digestLocks.TakeAsync(digest.ToString(), cancellation);
        if (await Objects.StatAsync(Keys.Blob(digest), cancellation) is null) return false;
        await Metadata.LinkBlobAsync(name, digest, cancellation);
        return true;
    }

    /// <summary>
    /// Stores a manifest, byte for byte, and points tags at it, once all it references is in the repository and on the disk.
    /// <paramref name="check"/> is called with each tag's present record under the tag's lock, and may refuse.
    /// </summary>
    public async Task PutManifestAsync(string name, ManifestDocument document, Digest digest, byte[] bytes, IReadOnlyList<string> tags, string? by, Action<string, TagRecord?>? check, CancellationToken cancellation)
    {
        using var collection = await _collection.ReaderAsync(cancellation);
        var missing = new List<Digest>();
        var references = document.References.Where(reference => reference.MustExist).Select(reference => reference.Digest).Distinct().ToList();
        foreach (var reference in references)
            if (!await Metadata.HasBlobAsync(name, reference, cancellation)) missing.Add(reference);
        if (missing.Count > 0) throw new RegistryException(RegistryErrorCode.ManifestBlobUnknown, detail: string.Join(", ", missing.Take(20)));
        await Objects.FlushAsync([.. references.Select(Keys.Blob)], cancellation);
        var record = new ManifestRecord
        {
            Digest = digest, MediaType = document.MediaType, Size = bytes.Length, ArtifactType = document.ArtifactType, Subject = document.Subject, Config = document.Config,
            Annotations = document.Annotations, References = [.. document.References.Select(reference => reference.Digest).Distinct()], Pushed = DateTimeOffset.UtcNow, By = by,
        };
        // Pushes of one tag come one after the other, and so do those of several tags at once.
        using var gate = tags.Count > 0 ? await _tagLocks.TakeAsync(tags.Count == 1 ? name + ":" + tags[0] : name, cancellation) : null;
        foreach (var tag in tags) check?.Invoke(tag, await Metadata.FindTagAsync(name, tag, cancellation));
        using var digestGate = await _digestLocks.TakeAsync(digest.ToString(), cancellation);
        await Metadata.PutManifestAsync(name, record, bytes, tags, cancellation);
        _manifests.Add(digest, bytes);
    }
}
