using Wharf.Engine.Volumes;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Mount = Wharf.Specs.Runtime.Mount;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>What a container mounts, decided at its creation; the volumes exist afterwards.</summary>
    private Task<List<MountPoint>> ResolveMountsAsync(Container container, CancellationToken cancellation) => _mounts.ResolveAsync(new MountRequest
    {
        ContainerId = container.Id,
        Host = container.HostConfig,
        Volumes = container.Config.Volumes?.Keys ?? Enumerable.Empty<string>(),
        MountsOf = name => (_index.Find(name) ?? throw WharfException.Invalid($"No such container: {name}")).Document.Mounts,
        OpenRoot = () => _snapshots.OpenRoot(container.Id),
    }, cancellation);

    /// <summary>What the runtime mounts over the root: the files under /etc, volumes, binds, tmpfs.</summary>
    private List<Mount> PrepareMounts(Container container, RunSetup run)
    {
        var mounts = PrepareEtcFiles(container, run);
        if (container.Document.Mounts.Count > 0 || container.HostConfig.Tmpfs is { Count: > 0 }) mounts.AddRange(MountService.Prepare(container.HostConfig, container.Document.Mounts, run.Hold));
        mounts.AddRange(container.Document.StepMounts ?? []);
        return mounts;
    }

    private void ReleaseVolumes(Container container, bool anonymous)
    {
        var names = container.Document.Mounts.Where(mount => mount.Type == "volume").Select(mount => mount.Name!).ToList();
        if (names.Count == 0) return;
        _volumes.RemoveReferences(container.Id);
        // Anonymous ones are named like IDs; the volume service knows which of them it named itself.
        if (anonymous) _ = _background.Run("removal of volumes", container.Id, () => _volumes.RemoveAnonymousAsync(names, CancellationToken.None));
    }
}
