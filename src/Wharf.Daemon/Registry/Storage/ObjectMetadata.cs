using System.Collections.Concurrent;
using System.Text.Json;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>Metadata read from the objects each time: right however many processes write to the store.</summary>
public class ObjectMetadata(IObjectStore store) : IMetadata
{
    private const long MaxRecord = 8 << 20;
    /// <summary>A link younger than this needs no renewal: half of the least time of grace that is sensible.</summary>
    private static readonly TimeSpan LinkFresh = TimeSpan.FromMinutes(15);
    /// <summary>Repositories whose catalogue entry is there, and those whose entry would outlast a power cut.</summary>
    private readonly ConcurrentDictionary<string, byte> _catalogued = new(StringComparer.Ordinal), _journaled = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string, Digest), DateTimeOffset> _pulls = new();

    protected IObjectStore Store { get; } = store;

    public virtual async Task<bool> HasRepositoryAsync(string name, CancellationToken cancellation) => await Store.StatAsync(Keys.CatalogEntry(name), cancellation) is not null;

    public virtual async Task<ManifestRecord?> FindManifestAsync(string name, Digest digest, CancellationToken cancellation) =>
        await Store.ReadAsync(Keys.Manifest(name, digest), MaxRecord, cancellation) is { } bytes ? ReadRecord(bytes, digest) : null;

    public virtual async Task<TagRecord?> FindTagAsync(string name, string tag, CancellationToken cancellation) =>
        await Store.ReadAsync(Keys.Tag(name, tag), MaxRecord, cancellation) is { } bytes ? JsonSerializer.Deserialize(bytes, RecordJson.Default.TagRecord) : null;

    public virtual async Task<bool> HasBlobAsync(string name, Digest digest, CancellationToken cancellation)
    {
        if (await Store.StatAsync(Keys.BlobLink(name, digest), cancellation) is not { } link) return await Store.StatAsync(Keys.Manifest(name, digest), cancellation) is not null;
        // Whoever asks may be about to push a manifest that counts on the blob: it is in use, and no process's collector may think otherwise.
        if (Store.IsShared && DateTimeOffset.UtcNow - link.Modified > LinkFresh) await Store.HintAsync(link.Key, cancellation);
        return true;
    }

    public virtual async Task<string?> FindRepositoryOfBlobAsync(Digest digest, Func<string, bool> fits, CancellationToken cancellation)
    {
        await foreach (var entry in Store.ListAsync(Keys.Catalog, cancellation))
        {
            var name = Keys.NameOfCatalogEntry(entry.Key);
            if (fits(name) && await HasBlobAsync(name, digest, cancellation)) return name;
        }
        return null;
    }

    public virtual async Task LinkBlobAsync(string name, Digest digest, CancellationToken cancellation)
    {
        await CatalogueAsync(name, cancellation);
        await Store.HintAsync(Keys.BlobLink(name, digest), cancellation);
    }

    public virtual Task UnlinkBlobAsync(string name, Digest digest, CancellationToken cancellation) => Store.DeleteAsync(Keys.BlobLink(name, digest), cancellation);

    public virtual async Task PutManifestAsync(string name, ManifestRecord record, ReadOnlyMemory<byte> bytes, IReadOnlyList<string> tags, CancellationToken cancellation)
    {
        var changes = new List<ObjectChange>();
        if (!_journaled.ContainsKey(name)) changes.Add(ObjectChange.Write(Keys.CatalogEntry(name), ReadOnlyMemory<byte>.Empty));
        changes.AddRange(
        [
            ObjectChange.Write(Keys.Blob(record.Digest), bytes),
            ObjectChange.Write(Keys.Manifest(name, record.Digest), JsonSerializer.SerializeToUtf8Bytes(record, RecordJson.Default.ManifestRecord)),
        ]);
        if (record.Subject is { } subject) changes.Add(ObjectChange.Write(Keys.Referrer(name, subject, record.Digest), ReadOnlyMemory<byte>.Empty));
        foreach (var tag in tags)
            changes.Add(ObjectChange.Write(Keys.Tag(name, tag), JsonSerializer.SerializeToUtf8Bytes(new TagRecord { Digest = record.Digest, Updated = DateTimeOffset.UtcNow, By = record.By }, RecordJson.Default.TagRecord)));
        await Store.ApplyAsync(changes, cancellation);
        if (!Store.IsShared) _journaled[name] = 0;
    }

    public virtual async Task<IReadOnlyList<string>> DeleteManifestAsync(string name, Digest digest, CancellationToken cancellation)
    {
        var record = await FindManifestAsync(name, digest, cancellation);
        var tags = (await ListTagRecordsAsync(name, cancellation)).Where(entry => entry.Record.Digest == digest).Select(entry => entry.Tag).ToList();
        var changes = tags.Select(tag => ObjectChange.Delete(Keys.Tag(name, tag))).ToList();
        if (record?.Subject is { } subject) changes.Add(ObjectChange.Delete(Keys.Referrer(name, subject, digest)));
        changes.Add(ObjectChange.Delete(Keys.Manifest(name, digest)));
        await Store.ApplyAsync(changes, cancellation);
        return tags;
    }

    public virtual Task DeleteTagAsync(string name, string tag, CancellationToken cancellation) => Store.ApplyAsync([ObjectChange.Delete(Keys.Tag(name, tag))], cancellation);

    public virtual async Task DeleteRepositoryAsync(string name, CancellationToken cancellation)
    {
        var changes = new List<ObjectChange> { ObjectChange.Delete(Keys.CatalogEntry(name)) };
        foreach (var part in (string[])["_tags/", "_manifests/", "_referrers/", "_pulls/", "_blobs/"])
            await foreach (var entry in Store.ListAsync(Keys.Repository(name) + part, cancellation)) changes.Add(ObjectChange.Delete(entry.Key));
        await Store.ApplyAsync(changes, cancellation);
        _catalogued.TryRemove(name, out _);
        _journaled.TryRemove(name, out _);
    }

    public virtual async Task<NamePage> ListTagsAsync(string name, int limit, string? last, CancellationToken cancellation) =>
        Page((await TagNamesAsync(name, cancellation)).Where(tag => last is null || TagOrder.Instance.Compare(tag, last) > 0), limit);

    public virtual async Task<TagSlice> ListTagsJsonAsync(string name, int limit, string? last, CancellationToken cancellation) => TagSlice.Of(await ListTagsAsync(name, limit, last, cancellation));

    private async Task<List<string>> TagNamesAsync(string name, CancellationToken cancellation)
    {
        var tags = new List<string>();
        await foreach (var entry in Store.ListAsync(Keys.Tags(name), cancellation)) tags.Add(entry.Key[(entry.Key.LastIndexOf('/') + 1)..]);
        tags.Sort(TagOrder.Instance);
        return tags;
    }

    public virtual async Task<NamePage> ListRepositoriesAsync(int limit, string? last, Func<string, bool> visible, CancellationToken cancellation)
    {
        var names = new List<string>();
        await foreach (var entry in Store.ListAsync(Keys.Catalog, cancellation)) names.Add(Keys.NameOfCatalogEntry(entry.Key));
        names.Sort(StringComparer.Ordinal);
        return Page(names.Where(name => (last is null || string.CompareOrdinal(name, last) > 0) && visible(name)), limit);
    }

    public virtual async Task<IReadOnlyList<ManifestRecord>> ListReferrersAsync(string name, Digest subject, CancellationToken cancellation)
    {
        var list = new List<ManifestRecord>();
        await foreach (var entry in Store.ListAsync(Keys.Referrers(name, subject), cancellation))
        {
            var file = entry.Key[(entry.Key.LastIndexOf('/') + 1)..];
            if (Digest.TryParse(file.Replace('-', ':'), out var digest) && await FindManifestAsync(name, digest, cancellation) is { } record) list.Add(record);
        }
        return [.. list.OrderBy(record => record.Digest)];
    }

    public virtual async Task<IReadOnlyList<(string Tag, TagRecord Record)>> ListTagRecordsAsync(string name, CancellationToken cancellation)
    {
        // Of the store itself: what is collected depends on it.
        var list = new List<(string, TagRecord)>();
        foreach (var tag in await TagNamesAsync(name, cancellation))
            if (await FindTagAsync(name, tag, cancellation) is { } record) list.Add((tag, record));
        return list;
    }

    public virtual async Task<IReadOnlyList<ManifestRecord>> ListManifestsAsync(string name, CancellationToken cancellation)
    {
        var list = new List<ManifestRecord>();
        await foreach (var entry in Store.ListAsync(Keys.Manifests(name), cancellation))
            if (Keys.DigestOf(entry.Key) is { IsEmpty: false } digest && await FindManifestAsync(name, digest, cancellation) is { } record) list.Add(record);
        return list;
    }

    public virtual async Task<IReadOnlyList<(Digest Digest, DateTimeOffset Used)>> ListBlobLinksAsync(string name, CancellationToken cancellation)
    {
        var list = new List<(Digest, DateTimeOffset)>();
        await foreach (var entry in Store.ListAsync(Keys.BlobLinks(name), cancellation))
            if (Keys.DigestOf(entry.Key) is { IsEmpty: false } digest) list.Add((digest, entry.Modified));
        return list;
    }

    public virtual Task RefreshAsync(CancellationToken cancellation) => Task.CompletedTask;

    public virtual Task<string?> FindSourceOfBlobAsync(Digest digest, Func<string, bool> fits, CancellationToken cancellation) => FindRepositoryOfBlobAsync(digest, fits, cancellation);

    public virtual void NotePull(string name, Digest digest) => _pulls[(name, digest)] = DateTimeOffset.UtcNow;

    public virtual Task<DateTimeOffset?> LastPullAsync(string name, Digest digest, CancellationToken cancellation) =>
        Task.FromResult<DateTimeOffset?>(_pulls.TryGetValue((name, digest), out var time) ? time : null);

    /// <summary>A repository has come into being.</summary>
    protected virtual Task CataloguedAsync(string name, CancellationToken cancellation) => Task.CompletedTask;

    protected async Task CatalogueAsync(string name, CancellationToken cancellation)
    {
        if (_catalogued.ContainsKey(name)) return;
        if (await Store.StatAsync(Keys.CatalogEntry(name), cancellation) is null)
        {
            await Store.HintAsync(Keys.CatalogEntry(name), cancellation);
            await CataloguedAsync(name, cancellation);
        }
        // Another process may remove a repository of a shared store: there it is asked anew each time.
        if (!Store.IsShared) _catalogued[name] = 0;
    }

    protected static ManifestRecord ReadRecord(byte[] bytes, Digest digest) =>
        JsonSerializer.Deserialize(bytes, RecordJson.Default.ManifestRecord)! with { Digest = digest };

    protected static NamePage Page(IEnumerable<string> names, int limit)
    {
        var page = names.Take(limit == int.MaxValue ? limit : limit + 1).ToList();
        return page.Count > limit ? new NamePage(page[..limit], true) : new NamePage(page, false);
    }

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
