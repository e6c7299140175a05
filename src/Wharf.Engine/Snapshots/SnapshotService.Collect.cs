using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    /// <summary>
    /// Deletes committed snapshots that no chain in <paramref name="used"/> and no container's writable layer needs. Returns bytes freed.
    /// The caller sees to it that no pull is between applying a layer and recording the image that uses it.
    /// </summary>
    public Task<long> CollectAsync(IReadOnlySet<Digest> used, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(Collect(used).Sum(layer => layer.Size));
    }

    /// <summary>As <see cref="CollectAsync"/>; tells which layers went.</summary>
    public List<LayerInfo> Collect(IReadOnlySet<Digest> used)
    {
        List<Snapshot> unused;
        lock (_commitLock)
        {
            var needed = new HashSet<Digest>();
            foreach (var chainId in used) Need(chainId);
            foreach (var writable in _writables.Values) if (writable.Parent is { } parent) Need(parent);
            unused = [.. _snapshots.Values.Where(snapshot => !needed.Contains(snapshot.ChainId))];
            if (unused.Count == 0) return [];
            _state.Write((connection, transaction) =>
            {
                foreach (var snapshot in unused)
                {
                    using var command = State.StateStore.Prepare(connection, "delete from snapshots where number = $1", [snapshot.Number], transaction);
                    command.ExecuteNonQuery();
                }
                return 0;
            });
            foreach (var snapshot in unused) _snapshots.TryRemove(snapshot.ChainId, out _);

            void Need(Digest chainId)
            {
                for (Digest? at = chainId; at is { } chain && needed.Add(chain) && _snapshots.TryGetValue(chain, out var snapshot);) at = snapshot.Parent;
            }
        }
        foreach (var snapshot in unused) Discard(snapshot.Number);
        return [.. unused.Select(Info)];
    }
}
