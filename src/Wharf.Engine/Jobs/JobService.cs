using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Wharf.Engine.Containers;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Jobs;

/// <summary>
/// Owns jobs: containers that are run to their end by a schedule or by hand, one run of a job at a time. Runs outlive the daemon as their
/// containers do; the next one waits for them and keeps how they ended.
/// </summary>
public sealed partial class JobService
{
    private readonly ContainerService _containers;
    private readonly JobStore _store;
    private readonly BackgroundWork _background;
    private readonly TimeProvider _clock;
    private readonly ConcurrentDictionary<string, Entry> _jobs = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _changed = new(0);

    /// <summary>A job in memory. Its <see cref="Lock"/> is held while a run begins or ends.</summary>
    private sealed class Entry(Job job, JobSchedule? schedule, DateTimeOffset considered)
    {
        public Job Job { get; } = job;
        public JobSchedule? Schedule { get; } = schedule;
        public DateTimeOffset Considered { get; set; } = considered;
        public Lock Lock { get; } = new();
        /// <summary>The run that goes on, and its number.</summary>
        public Task? Running { get; set; }
        public int RunningNumber { get; set; }
        public bool IsRemoved { get; set; }
    }

    public JobService(StateStore state, ContainerService containers, ILoggerFactory logs, TimeProvider clock)
    {
        (_containers, _clock) = (containers, clock);
        _store = new JobStore(state);
        _background = new BackgroundWork(logs.CreateLogger<JobService>());
    }

    /// <summary>Takes up runs that a former daemon began, makes up for what was missed, and keeps to the schedules from here on.</summary>
    public void Start()
    {
        var now = _clock.GetUtcNow();
        foreach (var (job, considered) in _store.ReadAll())
        {
            var entry = new Entry(job, JobSchedule.Parse(job.Schedule, job.TimeZone), considered);
            _jobs[job.Name] = entry;
        }
        foreach (var (name, run) in _store.OpenRuns())
        {
            if (!_jobs.TryGetValue(name, out var entry)) continue;
            lock (entry.Lock) Track(entry, run, () => ResumeAsync(entry, run));
        }
        foreach (var (name, run) in _store.EndedRuns())
        {
            if (_jobs.TryGetValue(name, out var entry) && ContainerOf(entry.Job, run) is not null) _ = _background.Run("removal of a run's container", run.Container, () => RemoveContainerAsync(entry.Job, run));
        }
        foreach (var entry in _jobs.Values)
        {
            if (entry.Schedule?.Next(entry.Considered) is not { } missed || missed > now) continue;
            Consider(entry, now);
            if (entry.Job.CatchUp) Begin(entry, "catch-up");
        }
        if (!_jobs.IsEmpty) EnsureLoop();
    }

    /// <summary>Runs go on by themselves; the next daemon takes them up.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        await _stopping.CancelAsync();
        await _background.WhenIdleAsync(cancellation);
    }

    /// <summary>Keeps a job. Conflict when the name is taken, InvalidArgument for what cannot be run.</summary>
    public Job Create(JobCreateRequest request)
    {
        var name = request.Name is { Length: > 0 } given ? given : throw WharfException.Invalid("a job needs a name");
        if (!ContainerNames.IsValid(name)) throw WharfException.Invalid($"Invalid job name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        if (request.Container is not { Image.Length: > 0 } container) throw WharfException.Invalid("a job needs a container with an image");
        if (container.HostConfig?.RestartPolicy is { Name: not (null or "" or "no") }) throw WharfException.Invalid("a job's container has no restart policy: the job is what runs it again");
        var schedule = JobSchedule.Parse(request.Schedule, request.TimeZone);
        var now = _clock.GetUtcNow();
        if (schedule is not null && schedule.Next(now) is null) throw WharfException.Invalid($"invalid schedule \"{request.Schedule}\": there is no such time");
        var job = new Job { Name = name, Schedule = request.Schedule?.Trim() ?? "", TimeZone = request.TimeZone ?? "", CatchUp = request.CatchUp ?? false, Created = now, Container = container };
        if (!_store.Insert(job, now)) throw WharfException.Conflict($"Conflict. The job name \"{name}\" is already in use.");
        _jobs[name] = new Entry(job, schedule, now);
        EnsureLoop();
        _changed.Release();
        return Describe(_jobs[name]);
    }

    public List<Job> List() => [.. _jobs.Values.OrderBy(entry => entry.Job.Name, StringComparer.Ordinal).Select(Describe)];

    public Job Get(string name) => Describe(Find(name));

    /// <summary>The newest first.</summary>
    public List<JobRun> Runs(string name) => _store.Runs(Find(name).Job.Name);

    /// <summary>Runs it now. Conflict while it runs.</summary>
    public JobRun Run(string name)
    {
        var entry = Find(name);
        return Begin(entry, "manual") ?? throw WharfException.Conflict($"job {entry.Job.Name} is running");
    }

    /// <summary>Gives a run when it is over.</summary>
    public async Task<JobRun> WaitAsync(string name, int number, CancellationToken cancellation)
    {
        var entry = Find(name);
        Task? running;
        lock (entry.Lock) running = entry.RunningNumber == number ? entry.Running : null;
        if (running is not null) await running.WaitAsync(cancellation);
        return _store.Run(entry.Job.Name, number) ?? throw WharfException.NotFound($"job {entry.Job.Name} has no run {number}");
    }

    /// <summary>Forgets a job and its runs. Conflict while it runs, unless <paramref name="force"/>, which ends the run.</summary>
    public async Task RemoveAsync(string name, bool force, CancellationToken cancellation)
    {
        var entry = Find(name);
        Task? running;
        lock (entry.Lock)
        {
            running = entry.Running;
            if (running is not null && !force) throw WharfException.Conflict($"job {entry.Job.Name} is running: end its container or remove it by force");
            entry.IsRemoved = true;
        }
        if (running is not null)
        {
            if (_store.Run(entry.Job.Name, entry.RunningNumber) is { } run) await RemoveContainerAsync(entry.Job, run);
            await running.WaitAsync(cancellation);
        }
        _store.Delete(entry.Job.Name);
        _jobs.TryRemove(entry.Job.Name, out _);
    }

    private Entry Find(string name) => _jobs.TryGetValue(name, out var entry) ? entry : throw WharfException.NotFound($"No such job: {name}");

    private Job Describe(Entry entry) => entry.Job with { NextRun = entry.Schedule?.Next(entry.Considered), LastRun = _store.LastRun(entry.Job.Name) };
}
