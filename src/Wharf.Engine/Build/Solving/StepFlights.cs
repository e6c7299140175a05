using System.Collections.Concurrent;
using Wharf.Engine.Build.Planning;

namespace Wharf.Engine.Build.Solving;

/// <summary>Steps being run by any build, by key: who comes to one that is under way waits, and then finds it in the cache.</summary>
internal sealed class StepFlights
{
    private readonly ConcurrentDictionary<string, Task> _flights = new(StringComparer.Ordinal);

    public async Task<NodeResult> RunAsync(string key, Func<Task<NodeResult>> step, CancellationToken cancellation)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        while (true)
        {
            var current = _flights.GetOrAdd(key, done.Task);
            if (current == done.Task) break;
            // Should that one fail, this build tries by itself: the reason may be its own.
            await current.WaitAsync(cancellation);
        }
        try
        {
            return await step();
        }
        finally
        {
            _flights.TryRemove(new KeyValuePair<string, Task>(key, done.Task));
            done.SetResult();
        }
    }
}
