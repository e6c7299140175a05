using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;

namespace Wharf.Engine.Build;

/// <summary>
/// A plan as it is run: all of it, or step by step as a debugger asks for it. A step is run once, whoever asks. Disposing it ends what still runs.
/// </summary>
public sealed class BuildRun : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _over;
    private readonly BuildSolver _solver;
    private readonly Func<NodeResult, Task<SolvedTarget>> _target;
    private readonly Action _finish;
    private bool _finished;

    /// <param name="target">Makes an image of the target's file system.</param>
    /// <param name="finish">Called once, when no further step is begun.</param>
    /// <param name="cancellation">Ends the run.</param>
    internal BuildRun(BuildSolver solver, BuildPlan plan, Func<NodeResult, Task<SolvedTarget>> target, Action finish, CancellationToken cancellation)
    {
        (_solver, Plan, _target, _finish) = (solver, plan, target, finish);
        _over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    }

    public BuildPlan Plan { get; }

    /// <summary>Runs all that the plan's target needs; after it nothing else of the plan is run.</summary>
    public async Task<SolvedTarget> SolveAsync()
    {
        await _turn.WaitAsync(_over.Token);
        try
        {
            return await _target(await _solver.SolveAsync(Plan.Target.Root, _over.Token));
        }
        finally
        {
            Finish();
            _turn.Release();
        }
    }

    /// <summary>Runs what one step needs, and the step.</summary>
    public async Task<NodeResult> SolveAsync(BuildNode node)
    {
        await _turn.WaitAsync(_over.Token);
        try { return await _solver.SolveAsync(node, _over.Token); }
        finally { _turn.Release(); }
    }

    private void Finish()
    {
        if (_finished) return;
        _finished = true;
        foreach (var node in Plan.Nodes) node.Progress.Abandon();
        _finish();
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _turn.WaitAsync(CancellationToken.None);
        Finish();
        _over.Dispose();
    }
}
