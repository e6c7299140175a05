using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Drivers;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    /// <summary>Whether writable layers can have a size.</summary>
    public bool LimitsSizes => _driver.LimitsSizes;

    /// <summary>
    /// Makes the writable layer of a container over a stack of layers (null: an empty root), which may hold no more than <paramref name="size"/>
    /// bytes where one is given.
    /// </summary>
    public async Task CreateWritableAsync(string key, Digest? parent, CancellationToken cancellation, long? size = null)
    {
        cancellation.ThrowIfCancellationRequested();
        var (number, directory) = MakeNumbered();
        bool recorded = false;
        try
        {
            using (directory) await _driver.MakeWritableAsync(directory, NumberPath(number), Stack(parent), size, cancellation);
            var writable = new Writable(number, parent, _driver);
            // Under the lock, so that no collection takes the parent between the look and the row.
            lock (_commitLock)
            {
                if (parent is { } below) Find(below);
                if (!_writables.TryAdd(key, writable)) throw WharfException.Conflict($"a writable layer for container {key} exists already");
            }
            try
            {
                _state.Execute("insert into writables (key, number, parent) values ($1, $2, $3)", key, number, parent?.ToString());
                recorded = true;
            }
            catch
            {
                _writables.TryRemove(key, out _);
                throw;
            }
        }
        finally
        {
            if (!recorded) Discard(number);
        }
    }

    /// <summary>Removes a writable layer. Idempotent. The part that takes long happens off the caller's path.</summary>
    public Task RemoveWritableAsync(string key, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (!_writables.TryGetValue(key, out var writable)) return Task.CompletedTask;
        // The row first: a directory without one is removed at start, a row without a directory would be a broken container.
        _state.Execute("delete from writables where key = $1", key);
        if (_writables.TryRemove(key, out _)) Discard(writable.Number);
        return Task.CompletedTask;
    }

    /// <summary>The driver that made a container's writable layer.</summary>
    public string DriverOf(string key) => Find(key).Driver.Name;

    /// <summary>What the runtime mounts as the container's root.</summary>
    public IReadOnlyList<Specs.Runtime.Mount> Mounts(string key) => OfWritable(key, static (driver, path, stack) => (IReadOnlyList<Specs.Runtime.Mount>)[driver.MountOf(path, stack)]);

    /// <summary>The same to tell of, and not to be mounted now.</summary>
    public Specs.Runtime.Mount DescribeMount(string key) => OfWritable(key, static (driver, path, stack) => driver.MountOf(path, stack), shown: false);

    /// <summary>The root file system of a container that does not run, as a mount attached nowhere; closing it unmounts.</summary>
    public Fd OpenRoot(string key) => OfWritable(key, static (driver, path, stack) => driver.OpenRoot(path, stack));

    /// <summary>The root file system as it is now, read-only and with nothing mounted in it, also of a running container.</summary>
    public Fd OpenRootReadOnly(string key) => OfWritable(key, static (driver, path, stack) => driver.OpenRootReadOnly(path, stack));

    private T OfWritable<T>(string key, Func<StorageDriver, string, LayerStack, T> action, bool shown = true)
    {
        var writable = Find(key);
        if (shown) writable.Driver.Show(NumberPath(writable.Number));
        return action(writable.Driver, NumberPath(writable.Number), Stack(writable.Parent, shown));
    }

    /// <summary>Bytes the writable layer holds, hard links counted once.</summary>
    public long WritableSize(string key)
    {
        var writable = Find(key);
        return writable.Driver.HoldsWholeRoot ? WholeRootSize(key) : TreeSize.Of(TreePath(writable));
    }

    /// <summary>The numbers of all writable layers' directories.</summary>
    public IReadOnlySet<long> WritableNumbers() => _writables.Values.Select(writable => writable.Number).ToHashSet();

    /// <summary>Bytes of the writable layer, which are counted once for both, and of it with all layers below.</summary>
    public (long Writable, long Root) Sizes(string key)
    {
        long writable = WritableSize(key), root = writable;
        for (var at = Find(key).Parent; at is { } chain && _snapshots.TryGetValue(chain, out var snapshot); at = snapshot.Parent) root += snapshot.Size;
        return (writable, root);
    }
}
