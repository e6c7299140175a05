using System.Text.Json;
using Microsoft.Data.Sqlite;
using Wharf.Engine.State;

namespace Wharf.Engine.Containers;

/// <summary>The containers' table. Each method is one transaction; all are idempotent but <see cref="Insert"/>.</summary>
internal sealed class ContainerStore
{
    private readonly StateStore _state;

    public ContainerStore(StateStore state)
    {
        _state = state;
        state.EnsureSchema("""
            create table if not exists containers(
                id text primary key, name text not null unique, created integer not null, document blob not null,
                status integer not null, pid integer not null, exit_code integer not null, error text not null, oom_killed integer not null,
                started_at integer, finished_at integer, restart_count integer not null, manually_stopped integer not null, network blob
            ) without rowid;
            """);
    }

    public void Insert(Container container)
    {
        var state = container.State;
        _state.Execute("insert into containers values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)",
            container.Id, container.Name, container.Created.UtcTicks, Serialize(container.Document), (int)state.Status, state.Pid, state.ExitCode, state.Error,
            state.OomKilled, state.StartedAt?.UtcTicks, state.FinishedAt?.UtcTicks, state.RestartCount, state.ManuallyStopped, Serialize(container.Network));
    }

    public void SaveState(Container container)
    {
        var state = container.State;
        _state.Execute("""
            update containers set status=$2, pid=$3, exit_code=$4, error=$5, oom_killed=$6, started_at=$7, finished_at=$8, restart_count=$9,
            manually_stopped=$10, network=$11 where id=$1
            """, container.Id, (int)state.Status, state.Pid, state.ExitCode, state.Error, state.OomKilled, state.StartedAt?.UtcTicks, state.FinishedAt?.UtcTicks,
            state.RestartCount, state.ManuallyStopped, Serialize(container.Network));
    }

    public void SaveDocument(Container container) => _state.Execute("update containers set document=$2 where id=$1", container.Id, Serialize(container.Document));

    public void SaveName(string id, string name) => _state.Execute("update containers set name=$2 where id=$1", id, name);

    public void Delete(string id) => _state.Execute("delete from containers where id=$1", id);

    public List<Container> ReadAll() => _state.Query("""
        select id, name, created, document, status, pid, exit_code, error, oom_killed, started_at, finished_at, restart_count, manually_stopped, network
        from containers order by created
        """, Read);

    private static Container Read(SqliteDataReader row)
    {
        var document = JsonSerializer.Deserialize(row.GetFieldValue<byte[]>(3), ContainerJson.Default.ContainerDocument)!;
        var state = new RunState
        {
            Status = (ContainerStatus)row.GetInt32(4),
            Pid = row.GetInt32(5),
            ExitCode = row.GetInt32(6),
            Error = row.GetString(7),
            OomKilled = row.GetBoolean(8),
            StartedAt = Time(row, 9),
            FinishedAt = Time(row, 10),
            RestartCount = row.GetInt32(11),
            ManuallyStopped = row.GetBoolean(12),
        };
        return new Container(row.GetString(0), row.GetString(1), new DateTimeOffset(row.GetInt64(2), TimeSpan.Zero), document, state)
        {
            Network = row.IsDBNull(13) ? null : JsonSerializer.Deserialize(row.GetFieldValue<byte[]>(13), ContainerJson.Default.NetworkState),
        };
    }

    private static DateTimeOffset? Time(SqliteDataReader row, int column) =>
        row.IsDBNull(column) ? null : new DateTimeOffset(row.GetInt64(column), TimeSpan.Zero);

    private static byte[] Serialize(ContainerDocument document) => JsonSerializer.SerializeToUtf8Bytes(document, ContainerJson.Default.ContainerDocument);

    private static byte[]? Serialize(NetworkState? network) => network is null ? null : JsonSerializer.SerializeToUtf8Bytes(network, ContainerJson.Default.NetworkState);
}
