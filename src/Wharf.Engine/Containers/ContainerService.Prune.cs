using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>Removes all containers that do not run and fit the filters <c>until</c>, <c>label</c>, <c>label!</c>.</summary>
    public async Task<ContainerPruneResponse> PruneAsync(IReadOnlyDictionary<string, List<string>> filters, CancellationToken cancellation)
    {
        foreach (var key in filters.Keys)
            if (key is not ("until" or "label" or "label!")) throw WharfException.Invalid($"invalid filter '{key}'");
        var until = ContainerFilters.Until(filters.GetValueOrDefault("until"), DateTimeOffset.UtcNow);
        var deleted = new List<string>();
        long freed = 0;
        foreach (var container in _index.All())
        {
            if (container.Document.IsStep || container.State.IsUp || container.State.Status == ContainerStatus.Removing || container.Created > until || !FitsLabels(container, filters)) continue;
            using (await container.Gate.EnterAsync(cancellation))
            {
                if (container.State.IsUp || container.State.Status == ContainerStatus.Removing) continue;
                long size = _snapshots.WritableSize(container.Id);
                await RemoveHeldAsync(container, volumes: false);
                freed += size;
                deleted.Add(container.Id);
            }
        }
        _events.Publish("container", "prune", "", new Dictionary<string, string> { ["reclaimed"] = Number(freed) });
        return new ContainerPruneResponse { ContainersDeleted = deleted.Count == 0 ? null : deleted, SpaceReclaimed = freed };
    }

    private static bool FitsLabels(Container container, IReadOnlyDictionary<string, List<string>> filters) =>
        (!filters.TryGetValue("label", out var with) || with.TrueForAll(label => ContainerFilters.HasLabel(container.Config.Labels, label))) &&
        (!filters.TryGetValue("label!", out var without) || !without.Exists(label => ContainerFilters.HasLabel(container.Config.Labels, label)));
}
