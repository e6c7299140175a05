using Microsoft.Extensions.Logging;
using Wharf.Engine.Containers;
using Wharf.Engine.Events;
using Wharf.Engine.Images;
using Wharf.Engine.Networks;
using Wharf.Engine.Shims;
using Wharf.Engine.Snapshots;
using Wharf.Engine.State;
using Wharf.Engine.Volumes;

namespace Wharf.Engine;

/// <summary>The engine's parts, wired by hand in the order they depend on each other.</summary>
public sealed class EngineHost : IAsyncDisposable
{
    public required DaemonOptions Options { get; init; }
    public required ILoggerFactory Logs { get; init; }
    public HostFacts Host { get; } = new();
    /// <summary>A UUID this data root keeps for life (<c>info</c>'s ID).</summary>
    public required string Identity { get; init; }
    public required StateStore State { get; init; }
    public required EventService Events { get; init; }
    public required SnapshotService Snapshots { get; init; }
    public required ImageService Images { get; init; }
    public required NetworkService Networks { get; init; }
    public required VolumeService Volumes { get; init; }
    public required ShimClient Shim { get; init; }
    public required ContainerService Containers { get; init; }

    /// <summary>Opens the state, finds what a former daemon left running, and makes everything ready to serve.</summary>
    public static Task<EngineHost> StartAsync(DaemonOptions options, ILoggerFactory logs, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var state = new StateStore(options.DataRoot);
        var host = new EngineHost
        {
            Options = options,
            Logs = logs,
            Identity = EngineIdentity.Of(state),
            State = state,
            Events = new EventService(TimeProvider.System),
            Snapshots = new SnapshotService(),
            Images = new ImageService(),
            Networks = new NetworkService(),
            Volumes = new VolumeService(),
            Shim = new ShimClient(),
            Containers = new ContainerService(),
        };
        return Task.FromResult(host);
    }

    /// <summary>Lets go of everything; containers run on.</summary>
    public ValueTask DisposeAsync()
    {
        State.Dispose();
        return ValueTask.CompletedTask;
    }
}
