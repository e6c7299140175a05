using Wharf.Daemon.BuildKit.Progress;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Planning;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>A plan that is run for a client, who is told of its steps.</summary>
internal sealed class WatchedRun(BuildRun run, LlbGraph graph, StatusLog log) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private StepWatcher? _watcher;
    private Task<SolvedTarget>? _whole;

    public LlbGraph Graph { get; } = graph;

    /// <summary>Runs the whole plan, once, however many ask.</summary>
    public Task<SolvedTarget> SolveAsync()
    {
        lock (_lock) return _whole ??= ToldAsync(run.SolveAsync(), Graph.Plan.Nodes);
    }

    /// <summary>Runs one step and what it needs. Its progress is told before this ends.</summary>
    public Task<NodeResult> SolveAsync(BuildNode node)
    {
        lock (_lock) return ToldAsync(run.SolveAsync(node), Graph.NeededBy(node));
    }

    private async Task<T> ToldAsync<T>(Task<T> solving, IEnumerable<BuildNode> nodes)
    {
        var watcher = _watcher ??= new StepWatcher(Graph, log);
        try { return await solving; }
        finally { await watcher.ToldAsync(nodes); }
    }

    public ValueTask DisposeAsync() => run.DisposeAsync();
}
