using Microsoft.Extensions.Logging;
using Wharf.Engine.Artifacts;
using Wharf.Engine.Build;
using Wharf.Engine.Containers;
using Wharf.Engine.Content;
using Wharf.Engine.Events;
using Wharf.Engine.Images;
using Wharf.Engine.Images.Collection;
using Wharf.Engine.Jobs;
using Wharf.Engine.Networks;
using Wharf.Engine.Secrets;
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
    public required HostFacts Host { get; init; }
    /// <summary>A UUID this data root keeps for life (<c>info</c>'s ID).</summary>
    public required string Identity { get; init; }
    public required StateStore State { get; init; }
    public required EventService Events { get; init; }
    public required SnapshotService Snapshots { get; init; }
    public required HostMounts HostMounts { get; init; }
    public required ImageService Images { get; init; }
    public required ImageCollector ImageCollector { get; init; }
    public required ArtifactService Artifacts { get; init; }
    public required NetworkService Networks { get; init; }
    public required VolumeService Volumes { get; init; }
    public required ShimClient Shim { get; init; }
    public required StreamHandover Handover { get; init; }
    public required ContainerService Containers { get; init; }
    public required BuildService Builds { get; init; }
    public required JobService Jobs { get; init; }
    public required SecretService Secrets { get; init; }

    /// <summary>Opens the state, finds what a former daemon left running, and makes everything ready to serve.</summary>
    public static async Task<EngineHost> StartAsync(DaemonOptions options, ILoggerFactory logs, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        CgroupRoot.LeaveNestedRoot(logs.CreateLogger<ContainerService>());
        // The shim starts while all else is made ready.
        var shim = new ShimClient(options, logs.CreateLogger<ShimClient>());
        var shimAwake = Task.Run(() => shim.WakeAsync(cancellation), cancellation);
        EngineHost? host = null;
        try
        {
            host = Make(options, logs, shim);
            await host.BeginAsync(shimAwake, cancellation);
            return host;
        }
        catch
        {
            // One that is only just starting would not hear that it is to end.
            await shimAwake.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await UndoAsync(async () =>
            {
                if (host is null) await shim.ShutdownIfIdleAsync(CancellationToken.None);
                else await host.DisposeAsync();
            }, logs);
            throw;
        }
    }

    private static EngineHost Make(DaemonOptions options, ILoggerFactory logs, ShimClient shim)
    {
        var facts = new HostFacts();
        var state = new StateStore(options.DataRoot);
        var events = new EventService(TimeProvider.System);
        var snapshots = new SnapshotService(options, state, logs.CreateLogger<SnapshotService>());
        var content = new ContentStore(options);
        var images = new ImageService(options, new ImageStore(state), content, snapshots, events, logs);
        var artifacts = new ArtifactService(options, state, content, images, events, logs);
        images.OtherBlobs = artifacts.Blobs;
        var networks = new NetworkService(options, state, events, logs);
        var volumes = new VolumeService(options, state, events);
        var secrets = new SecretService(options, state);
        var containers = new ContainerService(options, state, events, images, snapshots, networks, volumes, secrets, artifacts, shim, facts, logs);
        var builds = new BuildService(options, state, snapshots, images, containers, logs.CreateLogger<BuildService>());
        images.UsersOf = containers.UsersOf;
        images.OtherChains = () => builds.CachedChains().Concat(containers.VersionChains()).Concat(containers.MountedChains());
        images.MountedChains = containers.MountedChains;
        artifacts.Mounted = containers.MountedArtifacts;
        var jobs = new JobService(state, containers, logs, TimeProvider.System);
        images.WantedNames = () => jobs.List().Select(static job => job.Container?.Image).OfType<string>();
        return new EngineHost
        {
            Options = options,
            Logs = logs,
            Host = facts,
            Identity = EngineIdentity.Of(state),
            State = state,
            Events = events,
            Snapshots = snapshots,
            HostMounts = new HostMounts(options, snapshots),
            Images = images,
            ImageCollector = new ImageCollector(options, images, logs.CreateLogger<ImageCollector>()),
            Artifacts = artifacts,
            Networks = networks,
            Volumes = volumes,
            Shim = shim,
            Handover = new StreamHandover(options, shim, logs.CreateLogger<StreamHandover>()),
            Containers = containers,
            Builds = builds,
            Jobs = jobs,
            Secrets = secrets,
        };
    }

    private async Task BeginAsync(Task shimAwake, CancellationToken cancellation)
    {
        await Networks.StartAsync(cancellation);
        await Networks.ReplayLeasesAsync(cancellation);
        await shimAwake;
        await Containers.StartAsync(cancellation);
        await Builds.StartAsync(cancellation);
        await Networks.ReleaseUnclaimedAsync(cancellation);
        Volumes.ReleaseUnused();
        Images.StartRecipes();
        Jobs.Start();
        ImageCollector.Start();
    }

    /// <summary>Nothing of a start that failed may stay, and what goes wrong while it is undone must not hide why it failed.</summary>
    private static async Task UndoAsync(Func<Task> undo, ILoggerFactory logs)
    {
        try { await undo(); }
        catch (Exception error) when (error is not OutOfMemoryException) { logs.CreateLogger<EngineHost>().StartNotUndone(error); }
    }

    /// <summary>Once disposed: whether containers run on.</summary>
    public bool LeavesContainers { get; private set; }

    /// <summary>Lets go of everything; containers run on.</summary>
    public async ValueTask DisposeAsync()
    {
        await Jobs.StopAsync(CancellationToken.None);
        await Containers.StopServiceAsync(CancellationToken.None);
        await ImageCollector.DisposeAsync();
        await Images.StopRecipesAsync();
        LeavesContainers = !await Shim.ShutdownIfIdleAsync(CancellationToken.None);
        CgroupRoot.Release(Options.InstanceTag);
        await Networks.StopAsync(LeavesContainers, CancellationToken.None);
        Networks.Dispose();
        Volumes.Dispose();
        await Snapshots.DisposeAsync();
        State.Dispose();
    }
}
