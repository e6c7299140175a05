using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Wharf.Engine.State;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// An SQLite file whose loss costs only the time to make it anew: writes are not flushed, statements are prepared once a connection, reads
/// go on beside each other.
/// </summary>
internal sealed class IndexDatabase : IDisposable
{
    private sealed class Connection(SqliteConnection inner) : IDisposable
    {
        public SqliteConnection Inner => inner;
        public PreparedStatements Statements { get; } = new(inner);

        public void Dispose()
        {
            Statements.Dispose();
            inner.Dispose();
        }
    }

    private readonly string _path;
    private readonly Connection _writer;
    private readonly Lock _write = new();
    private readonly ConcurrentBag<Connection> _readers = [];

    public IndexDatabase(string path, string schema)
    {
        _path = path;
        _writer = Open(SqliteOpenMode.ReadWriteCreate);
        using var command = _writer.Inner.CreateCommand();
        command.CommandText = "pragma journal_mode=wal;" + schema;
        command.ExecuteNonQuery();
    }

    private Connection Open(SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = _path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "pragma synchronous=off; pragma busy_timeout=10000; pragma temp_store=memory; pragma cache_size=-512;";
        command.ExecuteNonQuery();
        return new Connection(connection);
    }

    public List<T> Query<T>(string sql, Func<SqliteDataReader, T> row, params ReadOnlySpan<object?> arguments)
    {
        if (!_readers.TryTake(out var connection)) connection = Open(SqliteOpenMode.ReadOnly);
        try
        {
            return connection.Statements.Query(sql, row, arguments);
        }
        finally { _readers.Add(connection); }
    }

    /// <summary>Runs statements in one transaction.</summary>
    public T Write<T>(Func<Writer, T> body)
    {
        lock (_write)
        {
            Execute("begin immediate");
            try
            {
                var result = body(new Writer(this));
                Execute("commit");
                return result;
            }
            catch
            {
                Execute("rollback");
                throw;
            }
        }
    }

    public void Write(Action<Writer> body) => Write(writer =>
    {
        body(writer);
        return 0;
    });

    private int Execute(string sql, params ReadOnlySpan<object?> arguments) => _writer.Statements.Execute(sql, arguments);

    /// <summary>The statements of one transaction.</summary>
    internal readonly struct Writer(IndexDatabase database)
    {
        public int Execute(string sql, params ReadOnlySpan<object?> arguments) => database.Execute(sql, arguments);
        public object? Scalar(string sql, params ReadOnlySpan<object?> arguments) => database._writer.Statements.Scalar(sql, arguments);
        public List<T> Query<T>(string sql, Func<SqliteDataReader, T> row, params ReadOnlySpan<object?> arguments) => database._writer.Statements.Query(sql, row, arguments);
    }

    public void Dispose()
    {
        foreach (var reader in _readers) reader.Dispose();
        _writer.Dispose();
    }
}
