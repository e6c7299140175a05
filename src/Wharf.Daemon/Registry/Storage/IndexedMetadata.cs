using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// Metadata answered from an SQLite index beside a store that this process has for itself. Each change is made in the store first and
/// in the index then; after anything but a clean stop the index is made anew from the store.
/// </summary>
public sealed partial class IndexedMetadata : ObjectMetadata
{
    private const string Schema = """
        create table if not exists repository(id integer primary key, name text not null unique) strict;
        create table if not exists blob_link(repository integer not null, digest text not null, used integer not null, primary key(repository, digest)) without rowid, strict;
        create index if not exists blob_link_digest on blob_link(digest);
        create table if not exists manifest(repository integer not null, digest text not null, subject text, pulled integer, record text not null, primary key(repository, digest)) without rowid, strict;
        create index if not exists manifest_subject on manifest(repository, subject) where subject is not null;
        create index if not exists manifest_digest on manifest(digest);
        create table if not exists tag(repository integer not null, name text not null, digest text not null, updated integer not null, by text, primary key(repository, name)) without rowid, strict;
        create unique index if not exists tag_order on tag(repository, name collate nocase, name);
        create index if not exists tag_digest on tag(repository, digest);
        """;
    /// <summary>For lists of tags in memory: some million tags.</summary>
    private const long TagListsCapacity = 16 << 20;
    private const string RepositoryId = "(select id from repository where name = $1)";

    private readonly string _cleanMarker;
    private readonly IndexDatabase _index;
    private readonly TagLists _tagLists = new(TagListsCapacity);
    private readonly ConcurrentDictionary<(string Name, Digest Digest), long> _pulls = new();
    private readonly ConcurrentDictionary<(string Name, Digest Digest), long> _uses = new();
    private readonly Timer _flush;

    private IndexedMetadata(IObjectStore store, string directory, IndexDatabase index) : base(store)
    {
        _index = index;
        _cleanMarker = Path.Combine(directory, "index.clean");
        _flush = new Timer(_ => WriteNotes(), null, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(20));
    }

    /// <summary>Opens the index in a directory of this machine; makes it anew when the last process did not end cleanly. Tells whether it had to.</summary>
    public static async Task<(IndexedMetadata Metadata, bool Rebuilt)> OpenAsync(IObjectStore store, string directory, CancellationToken cancellation)
    {
        var path = Path.Combine(directory, "index.db");
        var marker = Path.Combine(directory, "index.clean");
        bool isClean = File.Exists(marker) && File.Exists(path);
        File.Delete(marker);
        if (!isClean)
            foreach (var file in (string[])[path, path + "-wal", path + "-shm"]) File.Delete(file);
        var metadata = new IndexedMetadata(store, directory, new IndexDatabase(path, Schema));
        bool isNew = !Directory.Exists(Path.Combine(directory, "catalog"));
        if (!isClean && !isNew) await metadata.RebuildAsync(cancellation);
        return (metadata, !isClean && !isNew);
    }

    public override Task<bool> HasRepositoryAsync(string name, CancellationToken cancellation) =>
        Task.FromResult(_index.Query("select 1 from repository where name = $1", _ => 1, name).Count > 0);

    public override Task<ManifestRecord?> FindManifestAsync(string name, Digest digest, CancellationToken cancellation) =>
        Task.FromResult(_index.Query($"select digest, record from manifest where repository = {RepositoryId} and digest = $2", Record, name, digest.ToString()).FirstOrDefault());

    public override Task<TagRecord?> FindTagAsync(string name, string tag, CancellationToken cancellation) =>
        Task.FromResult(_index.Query($"select digest, updated, by from tag where repository = {RepositoryId} and name = $2", Tag, name, tag).FirstOrDefault());

    public override Task<bool> HasBlobAsync(string name, Digest digest, CancellationToken cancellation)
    {
        bool has = _index.Query($"select 1 from blob_link where repository = {RepositoryId} and digest = $2 union all select 1 from manifest where repository = {RepositoryId} and digest = $2", _ => 1, name, digest.ToString()).Count > 0;
        // Whoever asks may be about to push a manifest that counts on the blob: it is in use.
        if (has) _uses[(name, digest)] = Now();
        return Task.FromResult(has);
    }

    public override Task<string?> FindRepositoryOfBlobAsync(Digest digest, Func<string, bool> fits, CancellationToken cancellation) =>
        Task.FromResult(_index.Query("select distinct r.name from repository r join (select repository from blob_link where digest = $1 union select repository from manifest where digest = $1) b on b.repository = r.id", row => row.GetString(0), digest.ToString()).FirstOrDefault(fits));

    public override async Task LinkBlobAsync(string name, Digest digest, CancellationToken cancellation)
    {
        await base.LinkBlobAsync(name, digest, cancellation);
        _index.Write(writer => Link(writer, Repository(writer, name), digest, Now()));
    }

    public override async Task UnlinkBlobAsync(string name, Digest digest, CancellationToken cancellation)
    {
        await base.UnlinkBlobAsync(name, digest, cancellation);
        _uses.TryRemove((name, digest), out _);
        _index.Write(writer => writer.Execute($"delete from blob_link where repository = {RepositoryId} and digest = $2", name, digest.ToString()));
    }

    public override async Task PutManifestAsync(string name, ManifestRecord record, ReadOnlyMemory<byte> bytes, IReadOnlyList<string> tags, CancellationToken cancellation)
    {
        await base.PutManifestAsync(name, record, bytes, tags, cancellation);
        _index.Write(writer =>
        {
            long repository = Repository(writer, name);
            Manifest(writer, repository, record);
            foreach (var tag in tags) SetTag(writer, repository, tag, new TagRecord { Digest = record.Digest, Updated = DateTimeOffset.UtcNow, By = record.By });
        });
        _tagLists.Set(name, tags);
    }

    public override async Task<IReadOnlyList<string>> DeleteManifestAsync(string name, Digest digest, CancellationToken cancellation)
    {
        var tags = await base.DeleteManifestAsync(name, digest, cancellation);
        _index.Write(writer =>
        {
            writer.Execute($"delete from tag where repository = {RepositoryId} and digest = $2", name, digest.ToString());
            writer.Execute($"delete from manifest where repository = {RepositoryId} and digest = $2", name, digest.ToString());
        });
        _tagLists.Drop(name);
        return tags;
    }

    public override async Task DeleteTagAsync(string name, string tag, CancellationToken cancellation)
    {
        await base.DeleteTagAsync(name, tag, cancellation);
        _index.Write(writer => writer.Execute($"delete from tag where repository = {RepositoryId} and name = $2", name, tag));
        _tagLists.Drop(name);
    }

    public override async Task DeleteRepositoryAsync(string name, CancellationToken cancellation)
    {
        await base.DeleteRepositoryAsync(name, cancellation);
        _index.Write(writer =>
        {
            foreach (var table in (string[])["tag", "manifest", "blob_link"]) writer.Execute($"delete from {table} where repository = {RepositoryId}", name);
            writer.Execute("delete from repository where name = $1", name);
        });
        _tagLists.Drop(name);
    }

    public override Task<NamePage> ListTagsAsync(string name, int limit, string? last, CancellationToken cancellation)
    {
        // The two halves are one condition on the order of the index (tag_order); a row comparison would not use it.
        var sql = last is null
            ? $"select name from tag where repository = {RepositoryId} order by name collate nocase, name limit $2"
            : $"select name from tag where repository = {RepositoryId} and name collate nocase >= $3 and (name collate nocase > $3 or name > $3) order by name collate nocase, name limit $2";
        long most = limit == int.MaxValue ? -1 : limit + 1L;
        var names = last is null ? _index.Query(sql, row => row.GetString(0), name, most) : _index.Query(sql, row => row.GetString(0), name, most, last);
        return Task.FromResult(Page(names, limit));
    }

    public override Task<TagSlice> ListTagsJsonAsync(string name, int limit, string? last, CancellationToken cancellation) => Task.FromResult(_tagLists.Get(name, () =>
        TagList.Of(_index.Query($"select name from tag where repository = {RepositoryId} order by name collate nocase, name", row => row.GetString(0), name))).Slice(limit, last));

    public override Task<NamePage> ListRepositoriesAsync(int limit, string? last, Func<string, bool> visible, CancellationToken cancellation) =>
        Task.FromResult(Page(_index.Query("select name from repository where name > $1 order by name", row => row.GetString(0), last ?? "").Where(visible), limit));

    public override Task<IReadOnlyList<ManifestRecord>> ListReferrersAsync(string name, Digest subject, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<ManifestRecord>>(_index.Query($"select digest, record from manifest where repository = {RepositoryId} and subject = $2 order by digest", Record, name, subject.ToString()));

    public override Task<IReadOnlyList<(string Tag, TagRecord Record)>> ListTagRecordsAsync(string name, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<(string, TagRecord)>>(_index.Query($"select digest, updated, by, name from tag where repository = {RepositoryId} order by name collate nocase, name", row => (row.GetString(3), Tag(row)), name));

    public override Task<IReadOnlyList<ManifestRecord>> ListManifestsAsync(string name, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<ManifestRecord>>(_index.Query($"select digest, record from manifest where repository = {RepositoryId}", Record, name));

    public override Task<IReadOnlyList<(Digest Digest, DateTimeOffset Used)>> ListBlobLinksAsync(string name, CancellationToken cancellation)
    {
        WriteNotes();
        return Task.FromResult<IReadOnlyList<(Digest, DateTimeOffset)>>(_index.Query($"select digest, used from blob_link where repository = {RepositoryId}",
            row => (Digest.Parse(row.GetString(0)), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1))), name));
    }

    public override void NotePull(string name, Digest digest) => _pulls[(name, digest)] = Now();

    public override Task<DateTimeOffset?> LastPullAsync(string name, Digest digest, CancellationToken cancellation)
    {
        if (_pulls.TryGetValue((name, digest), out long noted)) return Task.FromResult<DateTimeOffset?>(DateTimeOffset.FromUnixTimeMilliseconds(noted));
        var rows = _index.Query($"select pulled from manifest where repository = {RepositoryId} and digest = $2 and pulled is not null", row => row.GetInt64(0), name, digest.ToString());
        return Task.FromResult<DateTimeOffset?>(rows is [var pulled] ? DateTimeOffset.FromUnixTimeMilliseconds(pulled) : null);
    }

    private static ManifestRecord Record(SqliteDataReader row) => JsonSerializer.Deserialize(row.GetString(1), RecordJson.Default.ManifestRecord)! with { Digest = Digest.Parse(row.GetString(0)) };

    private static TagRecord Tag(SqliteDataReader row) => new()
    {
        Digest = Digest.Parse(row.GetString(0)), Updated = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)), By = row.IsDBNull(2) ? null : row.GetString(2),
    };

    private static long Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    public override async ValueTask DisposeAsync()
    {
        await _flush.DisposeAsync();
        WriteNotes();
        _index.Dispose();
        await File.WriteAllTextAsync(_cleanMarker, "");
    }
}
