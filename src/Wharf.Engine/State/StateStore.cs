using Microsoft.Data.Sqlite;
using Wharf.Linux.Memory;

namespace Wharf.Engine.State;

/// <summary>
/// The daemon's database (SQLite, WAL). One writer at a time; each <see cref="Write"/> is one transaction that is either all
/// there or not at all after a kill. Each area owns its tables and creates them with <see cref="EnsureSchema"/> at start.
/// </summary>
public sealed class StateStore : IDisposable
{
    private readonly SqliteConnection _writer;
    private readonly PreparedStatements _statements;
    private readonly Lock _writeLock = new();

    public StateStore(string dataRoot)
    {
        Directory.CreateDirectory(dataRoot);
        _writer = Open(Path.Combine(dataRoot, "state.db"));
        _statements = new PreparedStatements(_writer);
        ResidentMemory.Releasing += Release;
    }

    private void Release()
    {
        lock (_writeLock) _statements.Clear();
    }

    /// <summary>Runs idempotent DDL (<c>create table if not exists …</c>).</summary>
    public void EnsureSchema(string sql) => Write((connection, transaction) =>
    {
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    });

    /// <summary>Runs <paramref name="body"/> in a transaction; an exception rolls it back.</summary>
    public T Write<T>(Func<SqliteConnection, SqliteTransaction, T> body)
    {
        lock (_writeLock)
        {
            using var transaction = _writer.BeginTransaction(deferred: false);
            var result = body(_writer, transaction);
            transaction.Commit();
            return result;
        }
    }

    /// <summary>Runs one statement with parameters <c>$1, $2, …</c> in a transaction of its own.</summary>
    public int Execute(string sql, params ReadOnlySpan<object?> arguments)
    {
        lock (_writeLock) return _statements.Execute(sql, arguments);
    }

    /// <summary>Reads all rows of a query with parameters <c>$1, $2, …</c>.</summary>
    public List<T> Query<T>(string sql, Func<SqliteDataReader, T> row, params ReadOnlySpan<object?> arguments)
    {
        lock (_writeLock) return _statements.Query(sql, row, arguments);
    }

    /// <summary>A command with parameters <c>$1, $2, …</c>, for use inside <see cref="Write"/> too.</summary>
    public static SqliteCommand Prepare(SqliteConnection connection, string sql, ReadOnlySpan<object?> arguments, SqliteTransaction? transaction = null)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        for (int i = 0; i < arguments.Length; i++) command.Parameters.AddWithValue("$" + (i + 1), arguments[i] ?? DBNull.Value);
        return command;
    }

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, ForeignKeys = true }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        // WAL with synchronous=NORMAL: a killed process loses nothing; a power cut can lose the last commits but never tears one.
        command.CommandText = "pragma journal_mode=wal; pragma synchronous=normal; pragma busy_timeout=10000; pragma temp_store=memory; pragma cache_size=-1024;";
        command.ExecuteNonQuery();
        return connection;
    }

    public void Dispose()
    {
        ResidentMemory.Releasing -= Release;
        lock (_writeLock)
        {
            _statements.Dispose();
            _writer.Dispose();
        }
    }
}
