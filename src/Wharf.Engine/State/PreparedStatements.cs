using Microsoft.Data.Sqlite;

namespace Wharf.Engine.State;

/// <summary>
/// One connection with the statements that SQLite has read and planned already: for most that takes longer than to run them. For one thread at a
/// time; a row's function may run statements of its own.
/// </summary>
public sealed class PreparedStatements(SqliteConnection connection) : IDisposable
{
    private const int MaxKept = 128;

    private readonly Dictionary<string, SqliteCommand> _free = new(StringComparer.Ordinal);

    /// <summary>Runs a statement with parameters <c>$1, $2, …</c>; gives how many rows it changed.</summary>
    public int Execute(string sql, params ReadOnlySpan<object?> arguments) => Run(sql, static command => command.ExecuteNonQuery(), arguments);

    /// <summary>The first value of the first row.</summary>
    public object? Scalar(string sql, params ReadOnlySpan<object?> arguments) => Run(sql, static command => command.ExecuteScalar(), arguments);

    /// <summary>All rows of a query.</summary>
    public List<T> Query<T>(string sql, Func<SqliteDataReader, T> row, params ReadOnlySpan<object?> arguments) => Run(sql, command =>
    {
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read()) rows.Add(row(reader));
        return rows;
    }, arguments);

    private T Run<T>(string sql, Func<SqliteCommand, T> run, ReadOnlySpan<object?> arguments)
    {
        if (_free.Remove(sql, out var command))
            for (int i = 0; i < arguments.Length; i++) command.Parameters[i].Value = arguments[i] ?? DBNull.Value;
        else command = StateStore.Prepare(connection, sql, arguments);
        try
        {
            var result = run(command);
            // Arguments may be large, and are not to outlive their use.
            foreach (SqliteParameter parameter in command.Parameters) parameter.Value = DBNull.Value;
            if (_free.Count < MaxKept && _free.TryAdd(sql, command)) command = null;
            return result;
        }
        finally { command?.Dispose(); }
    }

    /// <summary>Lets go of all statements that are not in use.</summary>
    public void Clear()
    {
        foreach (var command in _free.Values) command.Dispose();
        _free.Clear();
    }

    public void Dispose() => Clear();
}
