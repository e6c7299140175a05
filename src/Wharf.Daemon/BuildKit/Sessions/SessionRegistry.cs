using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>The sessions that are open, by ID. A build may name one that is only about to come.</summary>
internal sealed class SessionRegistry
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, TaskCompletionSource<ClientSession>> _sessions = new(StringComparer.Ordinal);

    private void Add(ClientSession session)
    {
        lock (_lock)
        {
            if (!_sessions.TryGetValue(session.Id, out var waiting) || !waiting.TrySetResult(session))
            {
                if (waiting is not null) throw WharfException.Conflict($"session {session.Id} already exists");
                _sessions[session.Id] = waiting = NewWait();
                waiting.SetResult(session);
            }
        }
    }

    /// <summary>Has a session among those that builds find, until its client leaves.</summary>
    public async Task ServeAsync(ClientSession session, CancellationToken cancellation)
    {
        Add(session);
        try
        {
            await session.RunAsync(cancellation);
        }
        catch (Grpc.Core.RpcException)
        {
            // The client left before it said anything.
        }
        finally { Remove(session.Id); }
    }

    private void Remove(string id)
    {
        lock (_lock) _sessions.Remove(id);
    }

    public async Task<ClientSession> GetAsync(string id, CancellationToken cancellation)
    {
        if (id.Length == 0) throw WharfException.Invalid("the build names no session");
        TaskCompletionSource<ClientSession>? waiting;
        lock (_lock)
        {
            if (!_sessions.TryGetValue(id, out waiting)) _sessions[id] = waiting = NewWait();
        }
        try
        {
            return await waiting.Task.WaitAsync(Patience, cancellation);
        }
        catch (Exception error) when (error is TimeoutException or OperationCanceledException)
        {
            lock (_lock)
                if (!waiting.Task.IsCompleted && _sessions.GetValueOrDefault(id) == waiting) _sessions.Remove(id);
            if (error is TimeoutException) throw WharfException.NotFound($"no active session for {id}: context deadline exceeded");
            throw;
        }
    }

    private static TaskCompletionSource<ClientSession> NewWait() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
