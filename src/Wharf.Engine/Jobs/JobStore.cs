using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Jobs;

/// <summary>Jobs and their runs in the database. Each verb is one transaction.</summary>
internal sealed class JobStore
{
    /// <summary>Runs of a job that are remembered.</summary>
    private const int KeptRuns = 100;
    private const string RunColumns = "number, trigger, container, started, finished, exit_code, error, log";
    private readonly StateStore _state;

    public JobStore(StateStore state)
    {
        _state = state;
        state.EnsureSchema("""
            create table if not exists jobs(
                name text primary key, schedule text not null, zone text not null, catch_up integer not null, created integer not null, considered integer not null, container text not null
            ) without rowid;
            create table if not exists job_runs(
                job text not null references jobs(name) on delete cascade, number integer not null, trigger text not null, container text not null, started integer not null,
                finished integer, exit_code integer, error text, log text,
                primary key (job, number)
            ) without rowid;
            """);
    }

    /// <summary>False when there is one of this name.</summary>
    public bool Insert(Job job, DateTimeOffset considered) => _state.Execute("insert or ignore into jobs values($1,$2,$3,$4,$5,$6,$7)", job.Name, job.Schedule, job.TimeZone, job.CatchUp ? 1 : 0,
        job.Created.UtcTicks, considered.UtcTicks, JsonSerializer.Serialize(job.Container!, DockerApiJson.Default.ContainerCreateRequest)) > 0;

    /// <summary>Every job, with the time up to which its schedule has been looked at.</summary>
    public List<(Job Job, DateTimeOffset Considered)> ReadAll() =>
        _state.Query("select name, schedule, zone, catch_up, created, considered, container from jobs", row => (new Job
        {
            Name = row.GetString(0), Schedule = row.GetString(1), TimeZone = row.GetString(2), CatchUp = row.GetInt32(3) != 0, Created = Time(row.GetInt64(4)),
            Container = JsonSerializer.Deserialize(row.GetString(6), DockerApiJson.Default.ContainerCreateRequest),
        }, Time(row.GetInt64(5))));

    public void SetConsidered(string job, DateTimeOffset considered) => _state.Execute("update jobs set considered = $2 where name = $1", job, considered.UtcTicks);

    public void Delete(string job) => _state.Execute("delete from jobs where name = $1", job);

    /// <summary>Begins a run behind the last one, and forgets the oldest.</summary>
    public JobRun AddRun(string job, string trigger, DateTimeOffset started) => _state.Write((connection, transaction) =>
    {
        using var last = StateStore.Prepare(connection, "select coalesce(max(number), 0) from job_runs where job = $1", [job], transaction);
        int number = Convert.ToInt32(last.ExecuteScalar(), CultureInfo.InvariantCulture) + 1;
        var run = new JobRun { Number = number, Trigger = trigger, Container = string.Create(CultureInfo.InvariantCulture, $"job-{job}-{number}"), Started = started };
        using var insert = StateStore.Prepare(connection, "insert into job_runs(job, number, trigger, container, started) values($1,$2,$3,$4,$5)", [job, number, trigger, run.Container, started.UtcTicks], transaction);
        insert.ExecuteNonQuery();
        using var forget = StateStore.Prepare(connection, "delete from job_runs where job = $1 and number <= $2 and finished is not null", [job, number - KeptRuns], transaction);
        forget.ExecuteNonQuery();
        return run;
    });

    public void FinishRun(string job, JobRun run) => _state.Execute("update job_runs set finished = $3, exit_code = $4, error = $5, log = $6 where job = $1 and number = $2", job, run.Number, run.Finished!.Value.UtcTicks, run.ExitCode, run.Error, run.Log);

    /// <summary>The newest first.</summary>
    public List<JobRun> Runs(string job) => _state.Query($"select {RunColumns} from job_runs where job = $1 order by number desc", ReadRun, job);

    public JobRun? LastRun(string job) => _state.Query($"select {RunColumns} from job_runs where job = $1 order by number desc limit 1", ReadRun, job).FirstOrDefault();

    public JobRun? Run(string job, int number) => _state.Query($"select {RunColumns} from job_runs where job = $1 and number = $2", ReadRun, job, number).FirstOrDefault();

    /// <summary>Those that were begun and whose end is not known.</summary>
    public List<(string Job, JobRun Run)> OpenRuns() => _state.Query($"select {RunColumns}, job from job_runs where finished is null", row => (row.GetString(8), ReadRun(row)));

    /// <summary>Those whose end is known, without what they wrote.</summary>
    public List<(string Job, JobRun Run)> EndedRuns() => _state.Query("select number, trigger, container, started, finished, exit_code, error, null, job from job_runs where finished is not null", row => (row.GetString(8), ReadRun(row)));

    private static JobRun ReadRun(SqliteDataReader row) => new()
    {
        Number = row.GetInt32(0), Trigger = row.GetString(1), Container = row.GetString(2), Started = Time(row.GetInt64(3)), Finished = row.IsDBNull(4) ? null : Time(row.GetInt64(4)),
        ExitCode = row.IsDBNull(5) ? null : row.GetInt32(5), Error = row.IsDBNull(6) ? null : row.GetString(6), Log = row.IsDBNull(7) ? null : row.GetString(7),
    };

    private static DateTimeOffset Time(long ticks) => new(ticks, TimeSpan.Zero);
}
