using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>Removes a container, with <paramref name="force"/> one that runs too, with <paramref name="volumes"/> its anonymous volumes. Files go in the background.</summary>
    public async Task RemoveAsync(string nameOrId, bool force, bool volumes, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        while (true)
        {
            if (container.State.IsUp)
            {
                if (!force) throw WharfException.Conflict($"cannot remove container \"{nameOrId}\": {WhyNot(container.State.Status)}");
                await EndForRemovalAsync(container, cancellation);
            }
            using (await container.Gate.EnterAsync(cancellation))
            {
                // AutoRemove may have been quicker: then it is gone, which is what was asked for.
                if (!ReferenceEquals(_index.Find(container.Id), container)) return;
                if (container.State.Status == ContainerStatus.Removing) throw WharfException.Conflict($"removal of container {container.Id} is already in progress");
                // The start that was under way is done.
                if (container.State.IsUp) continue;
                await RemoveHeldAsync(container, volumes);
                return;
            }
        }
    }

    private static string WhyNot(ContainerStatus status) => status switch
    {
        ContainerStatus.Paused => "container is paused and must be unpaused first",
        ContainerStatus.Restarting => "container is restarting: stop the container before removing or force remove",
        _ => "container is running: stop the container before removing or force remove",
    };

    /// <summary>Kills what runs. AutoRemove is left to this removal, which knows whether volumes go.</summary>
    private async Task EndForRemovalAsync(Container container, CancellationToken cancellation)
    {
        if (container.HostConfig.AutoRemove == true) container.Document = container.Document with { HostConfig = container.HostConfig with { AutoRemove = false } };
        if (await BeginStopAsync(container, Signals.SIGKILL, cancellation) is { } exit && !await EndsWithinAsync(exit, KillPatience, cancellation))
            throw WharfException.Conflict($"cannot remove container \"{container.Name}\": could not kill container: tried to kill container, but did not receive an exit event");
    }

    /// <summary>The removal itself, with the gate held: one database write, then it is gone for everybody; files and layers follow.</summary>
    private async Task RemoveHeldAsync(Container container, bool volumes)
    {
        container.Move(container.State with { Status = ContainerStatus.Removing });
        await CancelRestartAsync(container);
        // While there is a container its image cannot go; from here on its age counts.
        if (Digest.TryParse(container.Document.ImageId, out var image)) _images.MarkUsed(image);
        _store.Delete(container.Id);
        _index.Remove(container);
        bool versions = _versions.DeleteAll(container.Id) > 0;
        ForgetExecs(container.Id);
        await ReleaseVolumesAsync(container, volumes);
        _ = _background.Run("removal", container.Id, async () =>
        {
            await container.Cleanup;
            await FreeFilesAsync(container.Id);
            if (versions) await _images.CollectUnusedAsync(CancellationToken.None);
        });
        Publish(container, "destroy");
        container.Notify(removed: true);
    }

    private async Task FreeFilesAsync(string id)
    {
        await _snapshots.RemoveWritableAsync(id, CancellationToken.None);
        DeleteTree(Path.Combine(_options.ExecRoot, "shm", id));
        DeleteTree(SecretFilesOf(id));
        // Last: the directory is what tells the next start that something is left of this container.
        DeleteTree(DirectoryOf(id));
    }

    private static void DeleteTree(string path)
    {
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
    }
}
