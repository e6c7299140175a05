using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Debugging;

/// <summary>
/// A RUN step whose process failed, with all that the process had and wrote, for the build's client to look at. The step's container stays until this is
/// disposed, which must be before the build lets go of its hold.
/// </summary>
public sealed class FailedStep : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly BuildParts _parts;
    private readonly string _container;
    private readonly IReadOnlyList<string> _mountPoints;
    private Task<Digest?>? _after;

    internal FailedStep(BuildParts parts, RunNode node, Digest? before, IReadOnlyList<StepMount> mounts, IReadOnlyList<string> mountPoints, string container)
    {
        (_parts, _container, _mountPoints) = (parts, container, mountPoints);
        (Node, Before, Mounts) = (node, before, mounts);
    }

    public string Id { get; } = Guid.NewGuid().ToString("n");
    public RunNode Node { get; }
    public BuildRequest Request => _parts.Request;
    public BuildContexts Contexts => _parts.Contexts;

    /// <summary>The layers that the step began with; null for none.</summary>
    public Digest? Before { get; }

    /// <summary>What its <c>--mount</c>s show, in their order.</summary>
    public IReadOnlyList<StepMount> Mounts { get; }

    /// <summary>The layers with what the process wrote before it failed. They are made when first asked for: nobody may ever ask.</summary>
    public Task<Digest?> AfterAsync()
    {
        lock (_lock) return _after ??= CommitAsync();
    }

    private async Task<Digest?> CommitAsync()
    {
        foreach (var path in _mountPoints) _parts.Snapshots.RemoveMountPoint(_container, path);
        return (await _parts.HeldAsync(() => _parts.Containers.CommitStepAsync(_container, Before, CancellationToken.None)))?.ChainId ?? Before;
    }

    public async ValueTask DisposeAsync() => await _parts.Containers.RemoveAsync(_container, force: true, volumes: true, CancellationToken.None);
}
