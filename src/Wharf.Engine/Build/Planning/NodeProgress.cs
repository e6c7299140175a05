using System.Threading.Channels;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Planning;

/// <summary>A piece of a step's output. Stream 1 is standard output, 2 standard error.</summary>
public readonly record struct StepOutput(int Stream, ReadOnlyMemory<byte> Data, DateTimeOffset At);

/// <summary>What a step gave: the layers of its file system, lowest first, and the name of their stack.</summary>
public sealed record NodeResult(IReadOnlyList<Digest> DiffIds, Digest? ChainId)
{
    /// <summary>The step's key in the cache; null of a base.</summary>
    public string? Key { get; init; }
    /// <summary>Taken from the cache.</summary>
    public bool Cached { get; init; }
    /// <summary>Nothing was changed, so there is no layer of its own.</summary>
    public bool Empty { get; init; }
    /// <summary>When the step was really done, which for one from the cache is long ago; null of a base.</summary>
    public DateTimeOffset? CreatedAt { get; init; }
}

/// <summary>
/// Follows one step. Its output waits for whoever shows it, up to a bound: then the step waits too, so that nothing is lost and
/// memory stays small.
/// </summary>
public sealed class NodeProgress
{
    private const int MaxPending = 1024;

    private readonly Channel<StepOutput> _output = Channel.CreateBounded<StepOutput>(new BoundedChannelOptions(MaxPending) { SingleReader = true });
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string?> _container = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<NodeResult> _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public DateTimeOffset? StartedAt { get; private set; }
    public DateTimeOffset? CompletedAt { get; private set; }

    /// <summary>Done when the step begins, or when it turns out that it never will.</summary>
    public Task Started => _started.Task;

    /// <summary>The container of a RUN once it is made; null when the step turned out to need none.</summary>
    public Task<string?> Container => _container.Task;

    /// <summary>Done when the step is; carries its error.</summary>
    public Task<NodeResult> Completed => _completed.Task;

    /// <summary>The step's output, once; ends when the step does.</summary>
    public IAsyncEnumerable<StepOutput> ReadOutputAsync(CancellationToken cancellation) => _output.Reader.ReadAllAsync(cancellation);

    internal void Start()
    {
        StartedAt = DateTimeOffset.UtcNow;
        _started.TrySetResult();
    }

    internal void Launch(string containerId) => _container.TrySetResult(containerId);

    internal ValueTask WriteAsync(int stream, ReadOnlyMemory<byte> data, CancellationToken cancellation) =>
        _output.Writer.WriteAsync(new StepOutput(stream, data, DateTimeOffset.UtcNow), cancellation);

    internal void Complete(NodeResult result)
    {
        CompletedAt = DateTimeOffset.UtcNow;
        _output.Writer.TryComplete();
        _started.TrySetResult();
        _container.TrySetResult(null);
        _completed.TrySetResult(result);
    }

    /// <summary>Ends a step that never came to its turn.</summary>
    internal void Abandon() => Fail(new OperationCanceledException());

    internal void Fail(Exception error)
    {
        if (_completed.Task.IsCompleted) return;
        CompletedAt = DateTimeOffset.UtcNow;
        _output.Writer.TryComplete();
        _started.TrySetResult();
        _container.TrySetResult(null);
        _completed.TrySetException(error);
        // Seen by whoever waits for the build; nobody need look at each step.
        _ = _completed.Task.Exception;
    }
}
