using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Wharf.Engine.Containers;

/// <summary>Work that goes on after the answer. Failures are logged; a daemon that stops waits for all of it.</summary>
internal sealed class BackgroundWork(ILogger log)
{
    private readonly ConcurrentDictionary<Task, byte> _running = new();

    /// <summary>Starts <paramref name="work"/>; the task it gives never fails.</summary>
    public Task Run(string what, string id, Func<Task> work)
    {
        var task = GuardAsync(what, id, work);
        if (task.IsCompleted) return task;
        _running.TryAdd(task, 0);
        _ = task.ContinueWith(static (done, running) => ((ConcurrentDictionary<Task, byte>)running!).TryRemove(done, out _), _running,
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return task;
    }

    public Task WhenIdleAsync(CancellationToken cancellation) => Task.WhenAll(_running.Keys).WaitAsync(cancellation);

    private async Task GuardAsync(string what, string id, Func<Task> work)
    {
        try { await work(); }
        catch (OperationCanceledException) { /* the work was called off, which is no failure */ }
        catch (Exception error) { log.BackgroundFailed(what, id, error); }
    }
}

/// <summary>Holding a semaphore for the length of a using block.</summary>
internal static class Gates
{
    public static async ValueTask<Held> EnterAsync(this SemaphoreSlim gate, CancellationToken cancellation)
    {
        await gate.WaitAsync(cancellation);
        return new Held(gate);
    }

    internal readonly struct Held(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
