using System.Collections.Concurrent;
using System.Globalization;
using Wharf.Engine.State;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Solving;

/// <summary>A result that can be used again.</summary>
/// <param name="DiffId">The step's own layer; null when it changed nothing.</param>
public sealed record CachedStep(string Key, Digest? ParentChain, Digest? ChainId, Digest? DiffId, long Size, string Kind, string Description, DateTimeOffset CreatedAt, DateTimeOffset UsedAt, long Uses);

/// <summary>
/// Results of steps by key: a digest over what the step does and the contents of all it works on. A row keeps its layers from being
/// collected. Rows are written once their layers exist, so a kill in between only costs the step again.
/// </summary>
public sealed class BuildCacheStore
{
    /// <summary>So many results and states are kept at hand: a build that is all cached asks for each of its steps, every time.</summary>
    private const int MaxAtHand = 4096;

    private readonly StateStore _state;
    private readonly ConcurrentDictionary<string, CachedStep> _atHand = new(StringComparer.Ordinal);

    public BuildCacheStore(StateStore state)
    {
        _state = state;
        state.EnsureSchema("""
            create table if not exists build_step(key text primary key, parent text, chain text, diff text, size integer not null, kind text not null, description text not null,
                created_at text not null, used_at text not null, uses integer not null) without rowid, strict;
            drop table if exists build_state;
            """);
    }

    public CachedStep? Find(string key)
    {
        if (_atHand.TryGetValue(key, out var known)) return known;
        if (_state.Query($"select {Columns} from build_step where key = $1", Read, key) is not [var step, ..]) return null;
        if (_atHand.Count >= MaxAtHand) _atHand.Clear();
        return _atHand[key] = step;
    }

    public List<CachedStep> All() => _state.Query($"select {Columns} from build_step order by used_at", Read);

    public void Add(CachedStep step)
    {
        _atHand.TryRemove(step.Key, out _);
        _state.Execute("insert into build_step values($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict(key) do update set chain = excluded.chain, diff = excluded.diff, size = excluded.size, created_at = excluded.created_at, used_at = excluded.used_at",
            step.Key, step.ParentChain?.ToString(), step.ChainId?.ToString(), step.DiffId?.ToString(), step.Size, step.Kind, step.Description, Time(step.CreatedAt), Time(step.UsedAt), step.Uses);
    }

    public void Touch(IEnumerable<string> keys, DateTimeOffset now) => _state.Write((connection, transaction) =>
    {
        using var command = StateStore.Prepare(connection, "update build_step set used_at = $2, uses = uses + 1 where key = $1", ["", Time(now)], transaction);
        foreach (var key in keys)
        {
            command.Parameters[0].Value = key;
            command.ExecuteNonQuery();
        }
        return 0;
    });

    /// <summary>Removes the steps whose key begins so; gives how many there were.</summary>
    public int RemovePrefix(string prefix)
    {
        if (prefix.Length == 0 || prefix.AsSpan().IndexOfAnyExcept("0123456789abcdef") >= 0) return 0;
        var found = _state.Query("select key from build_step where key >= $1 and key < $2", row => row.GetString(0), prefix, prefix + "g");
        foreach (var key in found) Remove(key);
        return found.Count;
    }

    public void Remove(string key)
    {
        _state.Execute("delete from build_step where key = $1", key);
        _atHand.TryRemove(key, out _);
    }

    private const string Columns = "key, parent, chain, diff, size, kind, description, created_at, used_at, uses";

    private static CachedStep Read(Microsoft.Data.Sqlite.SqliteDataReader row) => new(row.GetString(0), Optional(row, 1), Optional(row, 2), Optional(row, 3), row.GetInt64(4), row.GetString(5), row.GetString(6),
        DateTimeOffset.Parse(row.GetString(7), CultureInfo.InvariantCulture), DateTimeOffset.Parse(row.GetString(8), CultureInfo.InvariantCulture), row.GetInt64(9));

    private static Digest? Optional(Microsoft.Data.Sqlite.SqliteDataReader row, int column) => row.IsDBNull(column) ? null : Digest.Parse(row.GetString(column));

    private static string Time(DateTimeOffset time) => time.ToUniversalTime().ToString("o", CultureInfo.InvariantCulture);
}
