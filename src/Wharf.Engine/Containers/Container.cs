using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>One container in memory. Verbs hold <see cref="Gate"/> while they change it; readers take <see cref="State"/> once and look at that.</summary>
internal sealed class Container(string id, string name, DateTimeOffset created, ContainerDocument document, RunState state)
{
    private readonly Lock _waitLock = new();
    private List<Waiter>? _waiters;

    public string Id { get; } = id;
    /// <summary>Without docker's leading slash.</summary>
    public string Name { get; set; } = name;
    public DateTimeOffset Created { get; } = created;
    public ContainerDocument Document { get; set; } = document;
    public RunState State { get; private set; } = state;
    public NetworkState? Network { get; set; }
    /// <summary>Variables of a build step that must never be on disk.</summary>
    public IReadOnlyList<string> SecretEnvironment { get; init; } = [];

    /// <summary>One verb at a time.</summary>
    public SemaphoreSlim Gate { get; } = new(1, 1);
    /// <summary>What is still to be freed of the last run, in the shim; the next start and removal wait for it.</summary>
    public Task Cleanup { get; set; } = Task.CompletedTask;
    /// <summary>Ends the wait before the restart policy's next start.</summary>
    public CancellationTokenSource? PendingRestart { get; set; }
    /// <summary>The current wait between restarts; grows with each failure.</summary>
    public TimeSpan RestartDelay { get; set; }
    /// <summary>Nothing was ever written to its root: what the image holds is what it sees.</summary>
    public bool Pristine { get; set; }
    /// <summary>The running health probe, or null.</summary>
    public HealthMonitor? Health { get; set; }
    /// <summary>Held while the file of its health is written.</summary>
    public Lock HealthSaving { get; } = new();

    public ContainerConfig Config => Document.Config;
    public HostConfig HostConfig => Document.HostConfig;
    public string ShortId => Id[..12];

    /// <summary>Goes to another state through the transition table.</summary>
    public void Move(RunState next)
    {
        ContainerTransitions.Require(State.Status, next.Status);
        State = next;
    }

    /// <summary>Adds to what is known of the state the container is in, which stays the same.</summary>
    public void Amend(RunState next)
    {
        if (next.Status != State.Status) throw new InvalidOperationException($"{State.Status} is not {next.Status}");
        State = next;
    }

    /// <summary>A task that ends with the next exit, or only with the removal. Called off, it leaves nothing behind.</summary>
    public Task<ContainerWaitResponse> NextAsync(bool removed, CancellationToken cancellation = default)
    {
        var waiter = new Waiter(removed);
        lock (_waitLock) (_waiters ??= []).Add(waiter);
        if (!cancellation.CanBeCanceled) return waiter.Source.Task;
        var registration = cancellation.UnsafeRegister(static (state, token) => ((Action<CancellationToken>)state!)(token), (Action<CancellationToken>)(token =>
        {
            lock (_waitLock) _waiters.Remove(waiter);
            waiter.Source.TrySetCanceled(token);
        }));
        return EndAsync(waiter.Source.Task, registration);

        static async Task<ContainerWaitResponse> EndAsync(Task<ContainerWaitResponse> exit, CancellationTokenRegistration registration)
        {
            using (registration) return await exit;
        }
    }

    /// <summary>Tells those who wait for an exit, and with <paramref name="removed"/> those who wait for the removal too.</summary>
    public void Notify(bool removed, string? error = null)
    {
        List<Waiter> due;
        lock (_waitLock)
        {
            if (_waiters is null) return;
            due = _waiters.FindAll(waiter => removed || !waiter.Removed);
            _waiters.RemoveAll(due.Contains);
        }
        var response = new ContainerWaitResponse { StatusCode = State.ExitCode, Error = error is null ? null : new ContainerWaitExitError { Message = error } };
        foreach (var waiter in due) waiter.Source.TrySetResult(response);
    }

    private sealed record Waiter(bool Removed)
    {
        public TaskCompletionSource<ContainerWaitResponse> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
