using System.Collections.Concurrent;
using Google.Protobuf;
using Wharf.Daemon.BuildKit.Progress;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Engine.Build.Debugging;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>What a front end gave back: one file system for each platform (the key is empty where only one was asked for), or plain data.</summary>
internal sealed record FrontendResult(IReadOnlyList<(string Key, BuildReference Reference)> References)
{
    public Dictionary<string, byte[]> Metadata { get; init; } = [];
}

/// <summary>One build of a client, from its Solve to its end.</summary>
internal sealed class BuildJob(string reference, string sessionId, SolveRequest request, string directory, CancellationToken cancellation) : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _held = [];
    private readonly Lock _lock = new();

    public string Reference { get; } = reference;
    public string SessionId { get; } = sessionId;
    public SolveRequest Request { get; } = request;
    /// <summary>The client's place in a trace of its own (<c>traceparent</c>); null when it told of none.</summary>
    public string? TraceParent { get; init; }
    /// <summary>A directory of the exec root for the build's sockets.</summary>
    public string Directory { get; } = directory;
    /// <summary>Cancelled when the client's Solve is: then nothing of the build goes on.</summary>
    public CancellationToken Cancellation { get; } = cancellation;
    public StatusLog Log { get; } = new();
    /// <summary>The address by which a build names the context that came with it.</summary>
    public const string BodyAddress = "wharf-body://";
    /// <summary>Where a context that came with the request itself was unpacked.</summary>
    public string? Body { get; init; }
    /// <summary>Credentials that came with the request itself, by a registry's domain.</summary>
    public Func<string, AuthConfig?> Credentials { get; init; } = static _ => null;
    public Dictionary<string, BuildReference> References { get; } = new(StringComparer.Ordinal);
    public FrontendOptions? Options { get; set; }
    /// <summary>Results of other builds that the client passes on, by name.</summary>
    public Dictionary<string, Wharf.BuildKit.Protocol.Ops.Definition> Inputs { get; } = new(StringComparer.Ordinal);
    public string DockerfileName { get; set; } = "Dockerfile";
    public string DockerfileText { get; set; } = "";
    /// <summary>The line of the progress that told of the Dockerfile's coming; what is said of the Dockerfile belongs to it.</summary>
    public string DefinitionVertex { get; set; } = "";
    public DateTimeOffset StartedAt { get; } = DateTimeOffset.UtcNow;
    public int Warnings { get; set; }
    /// <summary>It is over; only its progress may still be asked for.</summary>
    public bool IsOver { get; set; }

    /// <summary>What the front end in the client made of the build, or why it failed.</summary>
    public TaskCompletionSource<FrontendResult> Returned { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The Dockerfile as progress, graphs and errors show it.</summary>
    public Wharf.BuildKit.Protocol.Ops.SourceInfo Dockerfile => new() { Filename = DockerfileName, Data = ByteString.CopyFromUtf8(DockerfileText), Language = "Dockerfile" };

    /// <summary>The graph of which an error is a step's; null when it is none's.</summary>
    public LlbGraph? GraphOf(Exception error)
    {
        lock (_lock) return References.Values.Select(static reference => reference.Graph).FirstOrDefault(graph => BuildErrors.Failed(graph.Plan, error));
    }

    public BuildReference Find(string id) => TryFind(id) ?? throw WharfException.NotFound($"no such ref: {id}");

    public BuildReference? TryFind(string id)
    {
        lock (_lock) return References.GetValueOrDefault(id);
    }

    public void Add(BuildReference made)
    {
        lock (_lock) References[made.Id] = made;
    }

    /// <summary>The file system of one step of a graph that was given out, by its operation's digest; null when there is none.</summary>
    public BuildReference? FindStep(string digest)
    {
        lock (_lock)
        {
            foreach (var reference in References.Values)
            {
                if (reference.Graph.Find(digest) is not { } node) continue;
                // Whoever asks again gets the same one.
                if (References.Values.FirstOrDefault(made => made.Graph == reference.Graph && made.Node == node) is { } known) return known;
                var step = reference.Of(node);
                return References[step.Id] = step;
            }
        }
        return null;
    }

    /// <summary>Ends with the job.</summary>
    public T Hold<T>(T held) where T : IAsyncDisposable
    {
        lock (_lock) _held.Add(held);
        return held;
    }

    /// <summary>Steps that failed, by their IDs: what they left can be looked at until the job ends.</summary>
    public ConcurrentDictionary<string, FailedStep> Failed { get; } = new(StringComparer.Ordinal);

    public void Take(FailedStep step) => Failed[step.Id] = Hold(step);

    /// <summary>The containers that the client has open, by the IDs it chose.</summary>
    public ConcurrentDictionary<string, BuildContainer> Containers { get; } = new(StringComparer.Ordinal);

    public async ValueTask DisposeAsync()
    {
        foreach (var container in Containers.Values) await container.DisposeAsync();
        // What still runs may take something more while it ends.
        while (TakeLast() is { } held) await held.DisposeAsync();
    }

    private IAsyncDisposable? TakeLast()
    {
        lock (_lock)
        {
            if (_held is not [.., var last]) return null;
            _held.RemoveAt(_held.Count - 1);
            return last;
        }
    }
}

/// <summary>The builds under way, by the reference their client chose.</summary>
internal sealed class BuildJobs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, TaskCompletionSource<BuildJob>> _jobs = new(StringComparer.Ordinal);

    public void Add(BuildJob job)
    {
        lock (_lock)
        {
            if (!_jobs.TryGetValue(job.Reference, out var waiting) || IsOver(waiting)) _jobs[job.Reference] = waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!waiting.TrySetResult(job)) throw WharfException.Conflict($"job ID {job.Reference} exists");
        }
    }

    /// <summary>Ends a build. One that nobody keeps a record of may be over before its client asks for its progress, so that is told for a while yet.</summary>
    public void Remove(BuildJob job)
    {
        lock (_lock) job.IsOver = true;
        _ = ForgetAsync(job);
    }

    private async Task ForgetAsync(BuildJob job)
    {
        await Task.Delay(Patience);
        lock (_lock)
            if (_jobs.TryGetValue(job.Reference, out var found) && found.Task.IsCompletedSuccessfully && found.Task.Result == job) _jobs.Remove(job.Reference);
    }

    private static bool IsOver(TaskCompletionSource<BuildJob> found) => found.Task is { IsCompletedSuccessfully: true, Result.IsOver: true };

    /// <summary>A result that some build under way has given out; null when there is none of that ID.</summary>
    public BuildReference? FindReference(string id)
    {
        lock (_lock)
        {
            foreach (var job in _jobs.Values)
                if (job.Task.IsCompletedSuccessfully && !IsOver(job) && job.Task.Result.TryFind(id) is { } found) return found;
        }
        return null;
    }

    /// <summary>A build that is under way, about to begin or just over; null when none comes.</summary>
    public async Task<BuildJob?> FindAsync(string reference, CancellationToken cancellation)
    {
        TaskCompletionSource<BuildJob>? waiting;
        lock (_lock)
        {
            if (!_jobs.TryGetValue(reference, out waiting)) _jobs[reference] = waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        try
        {
            return await waiting.Task.WaitAsync(Patience, cancellation);
        }
        catch (Exception error) when (error is TimeoutException or OperationCanceledException)
        {
            lock (_lock)
                if (!waiting.Task.IsCompleted && _jobs.GetValueOrDefault(reference) == waiting) _jobs.Remove(reference);
            if (error is TimeoutException) return null;
            throw;
        }
    }
}
