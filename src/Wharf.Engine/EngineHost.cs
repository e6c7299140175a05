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
public sealed class EngineHost
{
    public required DaemonOptions Options { get; init; }
    public required StateStore State { get; init; }
    public required EventService Events { get; init; }
    public required SnapshotService Snapshots { get; init; }
    public required ImageService Images { get; init; }
    public required NetworkService Networks { get; init; }
    public required VolumeService Volumes { get; init; }
    public required ShimClient Shim { get; init; }
    public required ContainerService Containers { get; init; }
}
