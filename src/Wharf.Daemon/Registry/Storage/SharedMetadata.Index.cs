using System.Diagnostics;
using System.Globalization;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// The index of a shared store. A process that changed an object others list notes its key under <c>changes/TIME-RANDOM/KEY</c> before it answers. Before it lists, a process
/// reads the notes it does not know and looks each key up: the order of notes does not matter, and a note read twice does no harm. A process that died between a change and
/// its note is found out when the index is made anew, every hour.
/// </summary>
internal sealed partial class SharedMetadata
{
    private const string Schema = """
        create table if not exists repository(name text primary key, round integer not null) without rowid, strict;
        create table if not exists tag(repository text not null, name text not null, round integer not null, primary key(repository, name)) without rowid, strict;
        create unique index if not exists tag_order on tag(repository, name collate nocase, name);
        create table if not exists referrer(repository text not null, subject text not null, manifest text not null, round integer not null, primary key(repository, subject, manifest)) without rowid, strict;
        create table if not exists blob_link(digest text not null, repository text not null, round integer not null, primary key(digest, repository)) without rowid, strict;
        """;
    private static readonly string[] Tables = ["repository", "tag", "referrer", "blob_link"];

    /// <summary>How far the clocks of processes may be apart, together with the time that a note takes to arrive.</summary>
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan RebuildEvery = TimeSpan.FromHours(1), NotesKept = TimeSpan.FromHours(1), SyncEvery = TimeSpan.FromMinutes(1), MaxBehind = TimeSpan.FromMinutes(30);

    private readonly IndexDatabase _index;
    private readonly SemaphoreSlim _syncing = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _worker;
    private readonly Dictionary<string, long> _known = new(StringComparer.Ordinal);
    private volatile bool _isReady;
    private long _latest, _began, _round;
    private DateTimeOffset _synced, _rebuilt;

    /// <summary>Brings the index up to all changes answered before the call. False while there is no index: the store must be listed then.</summary>
    private async Task<bool> SyncAsync(CancellationToken cancellation)
    {
        if (!_isReady) return false;
        long arrival = Stopwatch.GetTimestamp();
        await _syncing.WaitAsync(cancellation);
        try
        {
            if (!_isReady) return false;
            // Whoever came first has read the notes since we came.
            if (_began > arrival) return true;
            long began = Stopwatch.GetTimestamp();
            await ReadNotesAsync(cancellation);
            (_began, _synced) = (began, DateTimeOffset.UtcNow);
            return true;
        }
        finally { _syncing.Release(); }
    }

    private async Task ReadNotesAsync(CancellationToken cancellation)
    {
        long from = Math.Max(0, _latest - (long)Window.TotalMilliseconds);
        var found = new List<(string Key, bool Exists)>();
        await foreach (var note in _store.ListAfterAsync(Keys.Changes, Keys.Changes + from.ToString("D14", CultureInfo.InvariantCulture), cancellation))
        {
            if (!TryParse(note.Key, out long time, out var key) || !_known.TryAdd(note.Key, time)) continue;
            found.Add((key, await Store.StatAsync(key, cancellation) is not null));
            _latest = Math.Max(_latest, time);
        }
        Apply(found);
        foreach (var (note, time) in _known.Where(entry => entry.Value < _latest - 2 * (long)Window.TotalMilliseconds).ToList()) _known.Remove(note);
    }

    private static bool TryParse(string note, out long time, out string key)
    {
        (time, key) = (0, "");
        var rest = note.AsSpan(Keys.Changes.Length);
        int dash = rest.IndexOf('-'), slash = rest.IndexOf('/');
        if (dash < 0 || slash < dash || !long.TryParse(rest[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out time)) return false;
        key = rest[(slash + 1)..].ToString();
        return true;
    }

    /// <summary>Notes changes that are made, for all processes, this one among them.</summary>
    private Task NoteAsync(List<string> keys, CancellationToken cancellation) =>
        Task.WhenAll(keys.Select(key => Store.HintAsync($"{Keys.Changes}{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds():D14}-{Random.Shared.NextInt64():x16}/{key}", cancellation)));

    /// <summary>Writes rows of keys that are in the store, and removes those of keys that are not.</summary>
    private void Apply(IReadOnlyList<(string Key, bool Exists)> keys)
    {
        if (keys.Count == 0) return;
        long round = Interlocked.Read(ref _round);
        _index.Write(writer =>
        {
            foreach (var (key, exists) in keys) Apply(writer, key, exists, round);
        });
    }

    private static void Apply(IndexDatabase.Writer writer, string key, bool exists, long round)
    {
        if (key.StartsWith(Keys.Catalog, StringComparison.Ordinal))
        {
            var name = Keys.NameOfCatalogEntry(key);
            if (exists) writer.Execute("insert into repository values($1, $2) on conflict do update set round = excluded.round", name, round);
            else
            {
                writer.Execute("delete from repository where name = $1", name);
                foreach (var table in (string[])["tag", "referrer", "blob_link"]) writer.Execute($"delete from {table} where repository = $1", name);
            }
            return;
        }
        if (!key.StartsWith(Keys.Repositories, StringComparison.Ordinal)) return;
        int at = key.IndexOf("/_", StringComparison.Ordinal);
        if (at <= Keys.Repositories.Length) return;
        var (repository, parts) = (key[Keys.Repositories.Length..at], key[(at + 1)..].Split('/'));
        switch (parts)
        {
            case ["_tags", var tag]:
                if (exists) writer.Execute("insert into tag values($1, $2, $3) on conflict(repository, name) do update set round = excluded.round", repository, tag, round);
                else writer.Execute("delete from tag where repository = $1 and name = $2", repository, tag);
                break;
            case ["_referrers", var algorithm, var hex, var manifest]:
                var (subject, referrer) = ($"{algorithm}:{hex}", manifest.Replace('-', ':'));
                if (exists) writer.Execute("insert into referrer values($1, $2, $3, $4) on conflict do update set round = excluded.round", repository, subject, referrer, round);
                else writer.Execute("delete from referrer where repository = $1 and subject = $2 and manifest = $3", repository, subject, referrer);
                break;
            case ["_blobs", var algorithm, var hex]:
                if (exists) writer.Execute("insert into blob_link values($1, $2, $3) on conflict do update set round = excluded.round", $"{algorithm}:{hex}", repository, round);
                else writer.Execute("delete from blob_link where digest = $1 and repository = $2", $"{algorithm}:{hex}", repository);
                break;
        }
    }

    /// <summary>Makes the index of the store's keys. Until it is done the store itself is listed.</summary>
    private async Task RebuildAsync(CancellationToken cancellation)
    {
        await _syncing.WaitAsync(cancellation);
        try
        {
            _isReady = false;
            long round = Interlocked.Increment(ref _round);
            // Changes while this goes on are in notes from here on.
            _latest = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            _known.Clear();
            var batch = new List<(string, bool)>();
            foreach (var prefix in (string[])[Keys.Catalog, Keys.Repositories])
                await foreach (var entry in Store.ListAsync(prefix, cancellation))
                {
                    batch.Add((entry.Key, true));
                    if (batch.Count < 1000) continue;
                    Apply(batch);
                    batch.Clear();
                }
            Apply(batch);
            _index.Write(writer =>
            {
                foreach (var table in Tables) writer.Execute($"delete from {table} where round < $1", round);
            });
            (_rebuilt, _synced) = (DateTimeOffset.UtcNow, DateTimeOffset.UtcNow);
            _isReady = true;
        }
        finally { _syncing.Release(); }
    }

    private async Task WorkAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var now = DateTimeOffset.UtcNow;
                if (!_isReady || now - _rebuilt > RebuildEvery || now - _synced > MaxBehind) await RebuildAsync(_stop.Token);
                else await SyncAsync(_stop.Token);
                await WritePullsAsync(all: false, _stop.Token);
                await Task.Delay(SyncEvery, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested) { return; }
            catch (Exception error) when (error is WharfException or HttpRequestException or IOException)
            {
                // The store does not answer: requests that need it say so. Tried again.
                await Task.Delay(TimeSpan.FromSeconds(5), _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Notes that every process has read by now, or will make up for by listing the store, go.</summary>
    public override async Task RefreshAsync(CancellationToken cancellation)
    {
        long before = (DateTimeOffset.UtcNow - NotesKept).ToUnixTimeMilliseconds();
        await foreach (var note in Store.ListAsync(Keys.Changes, cancellation))
        {
            if (!TryParse(note.Key, out long time, out _) || time >= before) break;
            await Store.DeleteAsync(note.Key, cancellation);
        }
    }
}
