using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    public async Task PauseAsync(string nameOrId, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        using (await container.Gate.EnterAsync(cancellation))
        {
            switch (container.State.Status)
            {
                case ContainerStatus.Paused: throw WharfException.Conflict($"Container {container.Id} is already paused");
                case ContainerStatus.Restarting: throw WharfException.Conflict($"Container {container.Id} is restarting, wait until the container is running");
                case not ContainerStatus.Running: throw NotRunning(container);
            }
            await FreezeAsync(container, frozen: true);
            container.Move(container.State with { Status = ContainerStatus.Paused });
            _store.SaveState(container);
            Publish(container, "pause");
        }
    }

    public async Task UnpauseAsync(string nameOrId, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        using (await container.Gate.EnterAsync(cancellation))
        {
            // The client's mistake (docker: 500, in the same words).
            if (container.State.Status != ContainerStatus.Paused) throw WharfException.Conflict($"Container {container.Id} is not paused");
            await ThawAsync(container);
            _store.SaveState(container);
        }
    }

    /// <summary>Lets a paused container run on; the gate is held, saving is the caller's.</summary>
    private async Task ThawAsync(Container container)
    {
        await FreezeAsync(container, frozen: false);
        container.Move(container.State with { Status = ContainerStatus.Running });
        Publish(container, "unpause");
    }

    private Task FreezeAsync(Container container, bool frozen) =>
        _shim.SendAsync(new ShimRequest { Freeze = new FreezeRequest { Id = container.Id, Frozen = frozen } }, CancellationToken.None);
}
