using System.Text.Json;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>Writing the index: single rows, noted pulls and uses, and all of it from the store.</summary>
public sealed partial class IndexedMetadata
{
    private const int RebuildBatch = 2000;

    private static long Repository(IndexDatabase.Writer writer, string name)
    {
        if (writer.Scalar("select id from repository where name = $1", name) is long id) return id;
        return (long)writer.Scalar("insert into repository(name) values($1) returning id", name)!;
    }

    private static void Link(IndexDatabase.Writer writer, long repository, Digest digest, long used) =>
        writer.Execute("insert into blob_link values($1, $2, $3) on conflict do update set used = max(used, excluded.used)", repository, digest.ToString(), used);

    private static void Manifest(IndexDatabase.Writer writer, long repository, ManifestRecord record) =>
        writer.Execute("insert into manifest(repository, digest, subject, record) values($1, $2, $3, $4) on conflict do update set subject = excluded.subject, record = excluded.record",
            repository, record.Digest.ToString(), record.Subject?.ToString(), JsonSerializer.Serialize(record, RecordJson.Default.ManifestRecord));

    private static void SetTag(IndexDatabase.Writer writer, long repository, string tag, TagRecord record) =>
        writer.Execute("insert into tag values($1, $2, $3, $4, $5) on conflict(repository, name) do update set digest = excluded.digest, updated = excluded.updated, by = excluded.by",
            repository, tag, record.Digest.ToString(), record.Updated.ToUnixTimeMilliseconds(), record.By);

    /// <summary>Writes down what was noted in memory: pulls of manifests, uses of blobs.</summary>
    private void WriteNotes()
    {
        if (_pulls.IsEmpty && _uses.IsEmpty) return;
        var pulls = _pulls.ToArray();
        var uses = _uses.ToArray();
        _index.Write(writer =>
        {
            foreach (var ((name, digest), time) in pulls) writer.Execute($"update manifest set pulled = $3 where repository = {RepositoryId} and digest = $2", name, digest.ToString(), time);
            foreach (var ((name, digest), time) in uses) writer.Execute($"update blob_link set used = max(used, $3) where repository = {RepositoryId} and digest = $2", name, digest.ToString(), time);
        });
        foreach (var entry in pulls) _pulls.TryRemove(entry);
        foreach (var entry in uses) _uses.TryRemove(entry);
    }

    /// <summary>
    /// Makes the index from the store. A link that a power cut took is made again when a manifest needs it. When manifests were last
    /// pulled is lost: they count as pulled now, so that no retention rule removes them for a time nobody knows.
    /// </summary>
    private async Task RebuildAsync(CancellationToken cancellation)
    {
        await foreach (var entry in Store.ListAsync(Keys.Catalog, cancellation))
        {
            var name = Keys.NameOfCatalogEntry(entry.Key);
            var manifests = await new ObjectMetadata(Store).ListManifestsAsync(name, cancellation);
            var links = await new ObjectMetadata(Store).ListBlobLinksAsync(name, cancellation);
            var present = links.Select(link => link.Digest).ToHashSet();
            var isManifest = manifests.Select(manifest => manifest.Digest).ToHashSet();
            foreach (var digest in manifests.SelectMany(manifest => manifest.References).Distinct())
                if (!present.Contains(digest) && !isManifest.Contains(digest) && await Store.StatAsync(Keys.Blob(digest), cancellation) is { } blob)
                {
                    await Store.HintAsync(Keys.BlobLink(name, digest), cancellation);
                    links = [.. links, (digest, blob.Modified)];
                }
            long now = Now();
            _index.Write(writer =>
            {
                long repository = Repository(writer, name);
                foreach (var (digest, used) in links) Link(writer, repository, digest, used.ToUnixTimeMilliseconds());
                foreach (var manifest in manifests) Manifest(writer, repository, manifest);
                writer.Execute("update manifest set pulled = $2 where repository = $1", repository, now);
            });
            await RebuildTagsAsync(name, isManifest, cancellation);
        }
    }

    /// <summary>The tags of a repository, so many at a time: there may be hundreds of thousands.</summary>
    private async Task RebuildTagsAsync(string name, HashSet<Digest> manifests, CancellationToken cancellation)
    {
        var batch = new List<(string Tag, TagRecord Record)>();
        await foreach (var entry in Store.ListAsync(Keys.Tags(name), cancellation))
        {
            var tag = entry.Key[(entry.Key.LastIndexOf('/') + 1)..];
            if (await base.FindTagAsync(name, tag, cancellation) is { } record && manifests.Contains(record.Digest)) batch.Add((tag, record));
            if (batch.Count < RebuildBatch) continue;
            WriteTags(name, batch);
            batch.Clear();
        }
        WriteTags(name, batch);
    }

    private void WriteTags(string name, List<(string Tag, TagRecord Record)> tags) => _index.Write(writer =>
    {
        long repository = Repository(writer, name);
        foreach (var (tag, record) in tags) SetTag(writer, repository, tag, record);
    });
}
