using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>
/// Keeps the layers of one build from being collected: from its base images on, until its result is stored or sent. What the cache forgets
/// meanwhile stays until then.
/// </summary>
public sealed class BuildHold : IDisposable, IAsyncDisposable
{
    private readonly Leases.Lease _lease;

    internal BuildHold(Leases.Lease lease) => _lease = lease;

    /// <summary>Keeps a stack of layers, if it is there: look afterwards.</summary>
    internal void Add(Digest? chain)
    {
        if (chain is { } top) _lease.Add(top);
    }

    public void Dispose() => _lease.Dispose();

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }
}
