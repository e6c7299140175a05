using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>What collections have removed.</summary>
public sealed class CollectionResult
{
    public int Blobs { get; set; }
    public long Bytes { get; set; }
    public int Manifests { get; set; }
    public int Tags { get; set; }
    public int Uploads { get; set; }

    public bool IsEmpty => Blobs + Manifests + Tags + Uploads == 0;
}

/// <summary>Taking away what nothing references, while pushes go on.</summary>
public sealed partial class RegistryStore
{
    private const int Batch = 64;

    /// <summary>
    /// Unlinks a repository's blobs that no manifest of it references and that nobody asked for since a time. Candidates are found beside
    /// running pushes; each batch is looked at again, and removed, while none runs.
    /// </summary>
    public async Task CollectLinksAsync(string name, DateTimeOffset before, CollectionResult result, CancellationToken cancellation)
    {
        var candidates = await UnusedLinksAsync(name, before, cancellation);
        for (int at = 0; at < candidates.Count; at += Batch)
        {
            using var collection = await _collection.WriterAsync(cancellation);
            var still = (await UnusedLinksAsync(name, before, cancellation)).ToHashSet();
            foreach (var digest in candidates.Skip(at).Take(Batch).Where(still.Contains))
            {
                await Metadata.UnlinkBlobAsync(name, digest, cancellation);
                // On a shared store another process may have pushed a manifest meanwhile: then the link is put back, before its blob can go.
                if (Objects.IsShared && (await Metadata.ListManifestsAsync(name, cancellation)).Any(manifest => manifest.References.Contains(digest))) await Metadata.LinkBlobAsync(name, digest, cancellation);
                long freed = await FreeAsync(digest, cancellation);
                result.Bytes += freed;
                result.Blobs++;
            }
        }
    }

    private async Task<List<Digest>> UnusedLinksAsync(string name, DateTimeOffset before, CancellationToken cancellation)
    {
        var old = (await Metadata.ListBlobLinksAsync(name, cancellation)).Where(link => link.Used < before).Select(link => link.Digest).ToHashSet();
        if (old.Count == 0) return [];
        foreach (var manifest in await Metadata.ListManifestsAsync(name, cancellation)) old.ExceptWith(manifest.References);
        return [.. old];
    }

    /// <summary>Removes bytes that no repository links: left by a process that died between two steps, or on a shared store.</summary>
    public async Task CollectOrphansAsync(DateTimeOffset before, CollectionResult result, CancellationToken cancellation)
    {
        HashSet<Digest>? linked = null;
        await foreach (var blob in Objects.ListAsync(Keys.Blobs, cancellation))
        {
            if (blob.Modified >= before || Keys.DigestOf(blob.Key) is not { IsEmpty: false } digest) continue;
            if (Objects.IsShared)
            {
                linked ??= await AllLinkedAsync(cancellation);
                if (linked.Contains(digest) || await Metadata.FindRepositoryOfBlobAsync(digest, _ => true, cancellation) is not null) continue;
                if (await Objects.StatAsync(blob.Key, cancellation) is not { } again || again.Modified >= before) continue;
                await Objects.DeleteAsync(blob.Key, cancellation);
                result.Bytes += blob.Size;
                result.Blobs++;
                continue;
            }
            if (await Metadata.FindRepositoryOfBlobAsync(digest, _ => true, cancellation) is not null) continue;
            long freed = await FreeAsync(digest, cancellation);
            if (freed == 0 && blob.Size > 0) continue;
            result.Bytes += freed;
            result.Blobs++;
        }
    }

    private async Task<HashSet<Digest>> AllLinkedAsync(CancellationToken cancellation)
    {
        var linked = new HashSet<Digest>();
        await foreach (var entry in Objects.ListAsync(Keys.Repositories, cancellation))
            if (!entry.Key.Contains("/_tags/", StringComparison.Ordinal) && !entry.Key.Contains("/_pulls/", StringComparison.Ordinal) && Keys.DigestOf(entry.Key) is { IsEmpty: false } digest) linked.Add(digest);
        return linked;
    }

    /// <summary>Removes manifests pushed before a time that neither a tag leads to, nor an index, nor their subject.</summary>
    public async Task CollectManifestsAsync(string name, DateTimeOffset before, CollectionResult result, CancellationToken cancellation)
    {
        using var collection = await _collection.WriterAsync(cancellation);
        var manifests = (await Metadata.ListManifestsAsync(name, cancellation)).ToDictionary(manifest => manifest.Digest);
        var kept = new HashSet<Digest>();
        var todo = new Queue<Digest>((await Metadata.ListTagRecordsAsync(name, cancellation)).Select(tag => tag.Record.Digest).Concat(manifests.Values.Where(manifest => manifest.Pushed >= before).Select(manifest => manifest.Digest)));
        var referrers = manifests.Values.Where(manifest => manifest.Subject is not null).ToLookup(manifest => manifest.Subject!.Value);
        while (todo.TryDequeue(out var digest))
        {
            if (!kept.Add(digest)) continue;
            foreach (var referrer in referrers[digest]) todo.Enqueue(referrer.Digest);
            if (manifests.TryGetValue(digest, out var manifest)) foreach (var child in manifest.References.Where(manifests.ContainsKey)) todo.Enqueue(child);
        }
        foreach (var digest in manifests.Keys.Where(digest => !kept.Contains(digest)))
        {
            await Metadata.DeleteManifestAsync(name, digest, cancellation);
            result.Bytes += await FreeAsync(digest, cancellation);
            result.Manifests++;
        }
    }

    /// <summary>What a repository holds, in bytes, each blob once.</summary>
    public async Task<long> SizeOfRepositoryAsync(string name, CancellationToken cancellation)
    {
        long sum = (await Metadata.ListManifestsAsync(name, cancellation)).Sum(manifest => manifest.Size);
        foreach (var (digest, _) in await Metadata.ListBlobLinksAsync(name, cancellation)) sum += (await Objects.StatAsync(Keys.Blob(digest), cancellation))?.Size ?? 0;
        return sum;
    }

    /// <summary>Stores a manifest that an upstream answered with, though its blobs are not here yet.</summary>
    public async Task PutMirroredAsync(string name, ManifestRecord record, byte[] bytes, string? tag, CancellationToken cancellation)
    {
        using var collection = await _collection.ReaderAsync(cancellation);
        using var gate = await _digestLocks.TakeAsync(record.Digest.ToString(), cancellation);
        await Metadata.PutManifestAsync(name, record, bytes, tag is null ? [] : [tag], cancellation);
        _manifests.Add(record.Digest, bytes);
    }
}
