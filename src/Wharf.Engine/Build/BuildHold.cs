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
    private readonly List<IDisposable> _owned = [];

    internal BuildHold(Leases.Lease lease) => _lease = lease;

    /// <summary>Keeps a stack of layers, if it is there: look afterwards.</summary>
    internal void Add(Digest? chain)
    {
        if (chain is { } top) _lease.Add(top);
    }

    /// <summary>Closes something with the build.</summary>
    internal void Own(IDisposable owned)
    {
        lock (_owned) _owned.Add(owned);
    }

    public void Dispose()
    {
        lock (_owned)
        {
            foreach (var owned in _owned) owned.Dispose();
            _owned.Clear();
        }
        _lease.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }
}
