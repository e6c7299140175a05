using Wharf.Engine.Build;
using Wharf.Engine.Build.Planning;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>A file system that a front end asked for: planned, and built when somebody needs it. It is that of the plan's target, or of a step on the way.</summary>
internal sealed class BuildReference(BuildRequest request, WatchedRun run, BuildNode node)
{
    private readonly Lock _lock = new();
    private Task<NodeResult>? _root;

    public string Id { get; } = Guid.NewGuid().ToString("n");
    public BuildRequest Request { get; } = request;
    public LlbGraph Graph => run.Graph;
    public BuildPlan Plan => run.Graph.Plan;
    public BuildNode Node { get; } = node;
    public Platform Platform => Plan.Target.Platform;
    public bool IsTarget => Node == Plan.Target.Root;

    /// <summary>Builds the target, once, however many ask.</summary>
    public Task<SolvedTarget> SolveAsync(CancellationToken cancellation) => run.SolveAsync().WaitAsync(cancellation);

    /// <summary>Builds the file system alone.</summary>
    public async Task<NodeResult> RootAsync(CancellationToken cancellation)
    {
        if (IsTarget) return (await SolveAsync(cancellation)).Root;
        Task<NodeResult> root;
        lock (_lock) root = _root ??= run.SolveAsync(Node);
        return await root.WaitAsync(cancellation);
    }

    /// <summary>Another step of the same plan.</summary>
    public BuildReference Of(BuildNode step) => new(Request, run, step);
}
