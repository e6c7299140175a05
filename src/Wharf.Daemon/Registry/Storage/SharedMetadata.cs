using System.Collections.Concurrent;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// Metadata of a store that several processes write to. What is asked for by its key is read from the store each time. What has to be listed (repositories, tags,
/// referrers, who has a blob) comes from an SQLite index that this process makes of the store's keys and keeps up with by the changes that all of them note there.
/// </summary>
internal sealed partial class SharedMetadata : ObjectMetadata
{
    /// <summary>A pull is written down at most this often for a manifest.</summary>
    private static readonly TimeSpan PullEvery = TimeSpan.FromMinutes(10);

    private readonly ISharedStore _store;
    private readonly ConcurrentDictionary<(string Name, Digest Digest), DateTimeOffset> _pulls = new(), _written = new();

    public SharedMetadata(ISharedStore store, string directory) : base(store)
    {
        _store = store;
        var path = Path.Combine(directory, "index.db");
        foreach (var file in (string[])[path, path + "-wal", path + "-shm"]) File.Delete(file);
        _index = new IndexDatabase(path, Schema);
        _worker = Task.Run(WorkAsync);
    }

    public override async Task LinkBlobAsync(string name, Digest digest, CancellationToken cancellation)
    {
        await base.LinkBlobAsync(name, digest, cancellation);
        // Others learn of links when they list the store: a mount they miss by that is an upload.
        Apply([(Keys.BlobLink(name, digest), true)]);
    }

    protected override Task CataloguedAsync(string name, CancellationToken cancellation) => NoteAsync([Keys.CatalogEntry(name)], cancellation);

    public override async Task UnlinkBlobAsync(string name, Digest digest, CancellationToken cancellation)
    {
        await base.UnlinkBlobAsync(name, digest, cancellation);
        Apply([(Keys.BlobLink(name, digest), false)]);
    }

    public override async Task PutManifestAsync(string name, ManifestRecord record, ReadOnlyMemory<byte> bytes, IReadOnlyList<string> tags, CancellationToken cancellation)
    {
        await base.PutManifestAsync(name, record, bytes, tags, cancellation);
        List<string> keys = [Keys.CatalogEntry(name), .. tags.Select(tag => Keys.Tag(name, tag))];
        if (record.Subject is { } subject) keys.Add(Keys.Referrer(name, subject, record.Digest));
        await NoteAsync(keys, cancellation);
    }

    public override async Task<IReadOnlyList<string>> DeleteManifestAsync(string name, Digest digest, CancellationToken cancellation)
    {
        var subject = (await FindManifestAsync(name, digest, cancellation))?.Subject;
        var tags = await base.DeleteManifestAsync(name, digest, cancellation);
        List<string> keys = [.. tags.Select(tag => Keys.Tag(name, tag))];
        if (subject is { } manifest) keys.Add(Keys.Referrer(name, manifest, digest));
        await NoteAsync(keys, cancellation);
        await Store.DeleteAsync(Keys.Pull(name, digest), cancellation);
        return tags;
    }

    public override async Task DeleteTagAsync(string name, string tag, CancellationToken cancellation)
    {
        await base.DeleteTagAsync(name, tag, cancellation);
        await NoteAsync([Keys.Tag(name, tag)], cancellation);
    }

    public override async Task DeleteRepositoryAsync(string name, CancellationToken cancellation)
    {
        await base.DeleteRepositoryAsync(name, cancellation);
        await NoteAsync([Keys.CatalogEntry(name)], cancellation);
    }

    public override async Task<NamePage> ListTagsAsync(string name, int limit, string? last, CancellationToken cancellation)
    {
        if (!await SyncAsync(cancellation)) return await base.ListTagsAsync(name, limit, last, cancellation);
        long most = limit == int.MaxValue ? -1 : limit + 1L;
        return Page(last is null
            ? _index.Query("select name from tag where repository = $1 order by name collate nocase, name limit $2", row => row.GetString(0), name, most)
            : _index.Query("select name from tag where repository = $1 and name collate nocase >= $3 and (name collate nocase > $3 or name > $3) order by name collate nocase, name limit $2", row => row.GetString(0), name, most, last), limit);
    }

    public override async Task<NamePage> ListRepositoriesAsync(int limit, string? last, Func<string, bool> visible, CancellationToken cancellation) =>
        await SyncAsync(cancellation) ? Page(_index.Query("select name from repository where name > $1 order by name", row => row.GetString(0), last ?? "").Where(visible), limit)
            : await base.ListRepositoriesAsync(limit, last, visible, cancellation);

    public override async Task<IReadOnlyList<ManifestRecord>> ListReferrersAsync(string name, Digest subject, CancellationToken cancellation)
    {
        if (!await SyncAsync(cancellation)) return await base.ListReferrersAsync(name, subject, cancellation);
        var list = new List<ManifestRecord>();
        foreach (var manifest in _index.Query("select manifest from referrer where repository = $1 and subject = $2 order by manifest", row => Digest.Parse(row.GetString(0)), name, subject.ToString()))
            if (await FindManifestAsync(name, manifest, cancellation) is { } record) list.Add(record);
        return list;
    }

    public override async Task<string?> FindSourceOfBlobAsync(Digest digest, Func<string, bool> fits, CancellationToken cancellation)
    {
        if (!_isReady) return await FindRepositoryOfBlobAsync(digest, fits, cancellation);
        foreach (var name in _index.Query("select repository from blob_link where digest = $1", row => row.GetString(0), digest.ToString()))
            if (fits(name) && await HasBlobAsync(name, digest, cancellation)) return name;
        return null;
    }

    public override void NotePull(string name, Digest digest) => _pulls[(name, digest)] = DateTimeOffset.UtcNow;

    public override async Task<DateTimeOffset?> LastPullAsync(string name, Digest digest, CancellationToken cancellation)
    {
        var elsewhere = (await Store.StatAsync(Keys.Pull(name, digest), cancellation))?.Modified;
        return _pulls.TryGetValue((name, digest), out var here) && !(elsewhere > here) ? here : elsewhere;
    }

    private async Task WritePullsAsync(bool all, CancellationToken cancellation)
    {
        foreach (var (key, time) in _pulls.ToArray())
        {
            if (!all && _written.TryGetValue(key, out var before) && time - before < PullEvery) continue;
            await Store.HintAsync(Keys.Pull(key.Name, key.Digest), cancellation);
            _written[key] = time;
            _pulls.TryRemove(new KeyValuePair<(string, Digest), DateTimeOffset>(key, time));
        }
        if (_written.Count > 100_000) _written.Clear();
    }

    public override async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _worker;
        try { await WritePullsAsync(all: true, CancellationToken.None); }
        catch (Specs.Errors.WharfException) { /* the store is gone: so are the times of these pulls */ }
        _index.Dispose();
        _stop.Dispose();
        _syncing.Dispose();
    }
}
