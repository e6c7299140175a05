using Microsoft.Extensions.Logging;
using Wharf.Engine.Containers.Config;
using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Events;
using Wharf.Engine.Images;
using Wharf.Engine.Networks;
using Wharf.Engine.Shims;
using Wharf.Engine.Snapshots;
using Wharf.Engine.State;
using Wharf.Engine.Volumes;

namespace Wharf.Engine.Containers;

/// <summary>Owns containers from create to remove. Split by verb: <c>ContainerService.Create.cs</c>, <c>.Start.cs</c>, …</summary>
public sealed partial class ContainerService
{
    private readonly DaemonOptions _options;
    private readonly EventService _events;
    private readonly ImageService _images;
    private readonly SnapshotService _snapshots;
    private readonly NetworkService _networks;
    private readonly VolumeService _volumes;
    private readonly Secrets.SecretService _secrets;
    private readonly MountService _mounts;
    private readonly Artifacts.ArtifactService _artifacts;
    private readonly ShimClient _shim;
    private readonly ILogger<ContainerService> _log;
    private readonly ContainerStore _store;
    private readonly ContainerIndex _index = new();
    private readonly UserDatabases _users;
    private readonly BackgroundWork _background;
    private readonly HostCapacity _capacity;
    private readonly HostFacts _host;
    private readonly string _cgroupRoot;

    public ContainerService(DaemonOptions options, StateStore state, EventService events, ImageService images, SnapshotService snapshots, NetworkService networks,
        VolumeService volumes, Secrets.SecretService secrets, Artifacts.ArtifactService artifacts, ShimClient shim, HostFacts host, ILoggerFactory logs)
    {
        (_options, _events, _images, _snapshots, _networks, _volumes, _secrets, _artifacts, _shim, _host) = (options, events, images, snapshots, networks, volumes, secrets, artifacts, shim, host);
        _index.Linked = FindLinked;
        _mounts = new MountService(volumes, options.DataRoot);
        _capacity = HostCapacity.Read() with { SystemdCgroup = options.SystemdCgroup };
        _log = logs.CreateLogger<ContainerService>();
        _store = new ContainerStore(state);
        _versions = new VersionStore(state);
        _users = new UserDatabases(snapshots, options.Limits.MaxPasswdFile);
        _background = new BackgroundWork(_log);
        _cgroupRoot = CgroupRoot.PathOf(options.InstanceTag);
    }

    /// <summary>How many there are, by what they do (<c>info</c>).</summary>
    public Task<ContainerCounts> CountAsync(CancellationToken cancellation)
    {
        int running = 0, paused = 0, stopped = 0;
        foreach (var container in _index.All())
        {
            if (container.Document.IsStep) continue;
            var status = container.State.Status;
            if (status == ContainerStatus.Paused) paused++;
            else if (container.State.IsUp) running++;
            else stopped++;
        }
        return Task.FromResult(new ContainerCounts(running, paused, stopped));
    }

    /// <summary>Where a container's log and the files under its /etc are.</summary>
    private string DirectoryOf(string id) => Path.Combine(_options.DataRoot, "containers", id);

    /// <summary>Announces what happened to a container, with its image, name and labels as docker's events have them.</summary>
    private void Publish(Container container, string action, params ReadOnlySpan<(string Key, string Value)> more)
    {
        if (container.Document.IsStep) return;
        var attributes = new Dictionary<string, string>(container.Config.Labels ?? [], StringComparer.Ordinal)
        {
            ["image"] = container.Config.Image ?? "",
            ["name"] = container.Name,
        };
        foreach (var (key, value) in more) attributes[key] = value;
        _events.Publish("container", action, container.Id, attributes);
    }
}

/// <summary>What <c>wait</c> waits for.</summary>
public enum WaitCondition { NotRunning, NextExit, Removed }

/// <summary>Containers by state; created, exited and dead ones count as stopped.</summary>
public readonly record struct ContainerCounts(int Running, int Paused, int Stopped);
