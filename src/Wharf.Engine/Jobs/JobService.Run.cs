using System.Globalization;
using System.Text.Json;
using Wharf.Engine.Containers;
using Wharf.Engine.Shims;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Jobs;

public sealed partial class JobService
{
    /// <summary>Longest sleep: the wall clock may be set meanwhile.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);
    private const int LogLines = 50, CannotRun = 125;
    private const string JobLabel = "wharf.job", RunLabel = "wharf.job.run";
    private readonly Lock _loopLock = new();
    private bool _loops;

    /// <summary>There is nothing to wait for before there is a job.</summary>
    private void EnsureLoop()
    {
        lock (_loopLock)
        {
            if (_loops) return;
            _loops = true;
        }
        _ = _background.Run("schedule", "all jobs", LoopAsync);
    }

    private async Task LoopAsync()
    {
        while (true)
        {
            var now = _clock.GetUtcNow();
            DateTimeOffset? next = null;
            foreach (var entry in _jobs.Values)
            {
                if (entry.Schedule is not { } schedule) continue;
                var due = schedule.Next(entry.Considered);
                if (due <= now)
                {
                    Consider(entry, now);
                    // A run that has not ended by the next one's time is not doubled.
                    if (Begin(entry, "schedule") is null) Skip(entry);
                    due = schedule.Next(now);
                }
                if (due is { } time && (next is null || time < next)) next = time;
            }
            var wait = next - now ?? LongestWait;
            // A timer counts whole milliseconds: one that is cut short would come too early.
            await _changed.WaitAsync(wait < LongestWait ? wait + TimeSpan.FromMilliseconds(1) : LongestWait, _stopping.Token);
        }
    }

    private void Consider(Entry entry, DateTimeOffset now)
    {
        entry.Considered = now;
        _store.SetConsidered(entry.Job.Name, now);
    }

    private void Skip(Entry entry)
    {
        if (entry.IsRemoved) return;
        var run = _store.AddRun(entry.Job.Name, "schedule", _clock.GetUtcNow());
        _store.FinishRun(entry.Job.Name, run with { Finished = run.Started, Error = "skipped: the run before had not ended" });
    }

    /// <summary>Begins a run; null when one goes on.</summary>
    private JobRun? Begin(Entry entry, string trigger)
    {
        lock (entry.Lock)
        {
            if (entry.Running is not null || entry.IsRemoved) return null;
            var run = _store.AddRun(entry.Job.Name, trigger, _clock.GetUtcNow());
            Track(entry, run, () => RunAsync(entry, run));
            return run;
        }
    }

    /// <summary>The entry's lock is held: the run is known before it can end.</summary>
    private void Track(Entry entry, JobRun run, Func<Task> work)
    {
        entry.RunningNumber = run.Number;
        entry.Running = _background.Run("run of a job", run.Container, async () =>
        {
            await Task.Yield();
            try { await work(); }
            finally { lock (entry.Lock) entry.Running = null; }
        });
    }

    private async Task RunAsync(Entry entry, JobRun run)
    {
        try
        {
            await _containers.CreateAsync(RequestOf(entry.Job, run), run.Container, null, CancellationToken.None);
            // A removal that came before there was a container has nothing to end; it waits for this.
            if (entry.IsRemoved) throw WharfException.Conflict("the job was removed");
            await _containers.StartAsync(run.Container, CancellationToken.None);
        }
        catch (Exception error) when (error is WharfException or ShimException)
        {
            await FinishAsync(entry, run with { ExitCode = error is ShimException { Error.ExitCode: { } code and not 0 } ? code : CannotRun, Error = error.Message });
            return;
        }
        await AwaitAsync(entry, run);
    }

    /// <summary>Goes on with a run that a former daemon began.</summary>
    private async Task ResumeAsync(Entry entry, JobRun run)
    {
        if (ContainerOf(entry.Job, run) is null) await FinishAsync(entry, run with { Error = "the daemon ended before the run had begun" });
        else if (!_containers.WasStarted(run.Container)) await FinishAsync(entry, run with { Error = "the daemon ended before the container was started" });
        else await AwaitAsync(entry, run);
    }

    private async Task AwaitAsync(Entry entry, JobRun run)
    {
        ContainerWaitResponse ended;
        try { ended = await _containers.WaitAsync(run.Container, WaitCondition.NotRunning, _stopping.Token); }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound)
        {
            await FinishAsync(entry, run with { Error = "its container was removed" });
            return;
        }
        await FinishAsync(entry, run with { ExitCode = (int)(ended.StatusCode ?? 0), Error = ended.Error?.Message, Log = await LogOfAsync(run.Container) });
    }

    /// <summary>What it wrote last; empty where its log cannot be read.</summary>
    private async Task<string> LogOfAsync(string container)
    {
        await using var log = new JobLog();
        try { await _containers.CopyLogsAsync(container, new ContainerLogOptions { Stdout = true, Stderr = true, Raw = true, Tail = LogLines }, _ => Task.FromResult<Stream>(log), CancellationToken.None); }
        catch (WharfException error) when (error.Kind is ErrorKind.NotFound or ErrorKind.NotImplemented) { return ""; }
        return log.ToString();
    }

    /// <summary>The run's container by ID; null when it is gone. One that only has its name is somebody else's.</summary>
    private string? ContainerOf(Job job, JobRun run) =>
        _containers.LabelOf(run.Container, JobLabel) == job.Name && _containers.LabelOf(run.Container, RunLabel) == run.Number.ToString(CultureInfo.InvariantCulture) ? _containers.TryFindId(run.Container) : null;

    /// <summary>Keeps how it ended, then removes the container; a daemon killed in between leaves that to the next.</summary>
    private async Task FinishAsync(Entry entry, JobRun run)
    {
        _store.FinishRun(entry.Job.Name, run with { Finished = _clock.GetUtcNow() });
        await RemoveContainerAsync(entry.Job, run);
    }

    private async Task RemoveContainerAsync(Job job, JobRun run)
    {
        if (ContainerOf(job, run) is not { } id) return;
        try { await _containers.RemoveAsync(id, force: true, volumes: true, CancellationToken.None); }
        catch (WharfException error) when (error.Kind is ErrorKind.NotFound or ErrorKind.Conflict) { /* somebody else removes it */ }
    }

    private static ContainerCreateRequest RequestOf(Job job, JobRun run)
    {
        // Made anew for each run: creating a container fills the request in.
        var request = JsonSerializer.Deserialize(JsonSerializer.SerializeToUtf8Bytes(job.Container!, DockerApiJson.Default.ContainerCreateRequest), DockerApiJson.Default.ContainerCreateRequest)!;
        request.Labels = new Dictionary<string, string>(request.Labels ?? []) { [JobLabel] = job.Name, [RunLabel] = run.Number.ToString(CultureInfo.InvariantCulture) };
        // Its end is the service's to see, and its removal too.
        if (request.HostConfig is not null) request.HostConfig.AutoRemove = false;
        return request;
    }
}
