using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>Damaged layers are unpacked once more, and what stands on them stays.</summary>
public sealed partial class SnapshotService
{
    /// <summary>Makes a layer's tree anew from its own tar. False when that is damaged too, or a container stands on the layer.</summary>
    public async Task<bool> RemakeAsync(Digest chainId, CancellationToken cancellation)
    {
        if (!_snapshots.TryGetValue(chainId, out var old)) return false;
        try { return await ReplaceAsync(old, (number, directory) => RemakeAsync(old, number, directory), cancellation).ConfigureAwait(false); }
        catch (Exception error) when (IsDamage(error)) { return false; }
    }

    /// <summary>Makes a layer's tree anew from its tar. False when a container stands on the layer; InvalidArgument when it is another's tar.</summary>
    public async Task<bool> RemakeAsync(Digest chainId, Stream tar, CancellationToken cancellation)
    {
        var old = Find(chainId);
        return await ReplaceAsync(old, (number, directory) => ExtractAsync(number, directory, old.Parent, Task.CompletedTask, old.DiffId, tar, cancellation, verifies: true), cancellation).ConfigureAwait(false);
    }

    private async Task<bool> ReplaceAsync(Snapshot old, Func<long, Fd, Task<(Snapshot Snapshot, LeftOut LeftOut)>> extract, CancellationToken cancellation)
    {
        if (IsUsedByContainer(old.ChainId)) return false;
        var (number, directory) = MakeNumbered();
        long useless = number;
        try
        {
            using (directory)
            {
                var (made, _) = await Task.Run(() => extract(number, directory), cancellation).ConfigureAwait(false);
                lock (_commitLock)
                {
                    // A running container has the damaged tree mounted.
                    if (!_snapshots.TryGetValue(old.ChainId, out var now) || now != old || IsUsedByContainer(old.ChainId)) return false;
                    Renumber(old, number);
                    _snapshots[old.ChainId] = made;
                    useless = old.Number;
                }
                ForgetWholes(old.ChainId);
                MakeDurable(made);
                return true;
            }
        }
        finally { Discard(useless); }
    }

    /// <summary>Trees of whole stacks that were made with a damaged layer go.</summary>
    private void ForgetWholes(Digest chainId)
    {
        foreach (var snapshot in _snapshots.Values.Where(snapshot => StandsOn(snapshot.ChainId, chainId)))
        {
            _images.ForgetStack(NumberPath(snapshot.Number));
            foreach (var driver in _drivers) driver.ForgetWhole(NumberPath(snapshot.Number));
        }
    }
}
