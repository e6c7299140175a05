using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Drivers;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    private readonly Channel<Action> _background = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _worker;
    private volatile bool _stopping;
    private int _sweepWaits;

    /// <summary>Reads what exists and removes what a killed daemon left half made or half removed.</summary>
    private void Recover()
    {
        foreach (long number in NumbersOnDisk()) _lastNumber = Math.Max(_lastNumber, number);
        var rows = _state.Query("select number, chain, parent, diff, size, boot from snapshots", row =>
            (Snapshot: new Snapshot(row.GetInt64(0), Digest.Parse(row.GetString(1)), row.IsDBNull(2) ? null : Digest.Parse(row.GetString(2)), Digest.Parse(row.GetString(3)), row.GetInt64(4), LayerImages.IsImage(NumberPath(row.GetInt64(0)))),
             Boot: row.IsDBNull(5) ? null : row.GetString(5)));
        // Parents before children, and whose parent is lost is lost too.
        for (var ready = rows; ready.Count > 0;)
        {
            ready = rows.FindAll(row => row.Snapshot.Parent is not { } parent || _snapshots.ContainsKey(parent));
            rows.RemoveAll(ready.Contains);
            foreach (var (snapshot, boot) in ready) Restore(snapshot, boot);
        }
        foreach (var (lost, _) in rows) Drop(lost);
        foreach (var (key, writable) in _state.Query("select key, number, parent from writables", row =>
            (row.GetString(0), new Writable(row.GetInt64(1), row.IsDBNull(2) ? null : Digest.Parse(row.GetString(2)), _drivers.Find(driver => driver.Made(NumberPath(row.GetInt64(1))))!)))) _writables[key] = writable;
        RemoveUnknown();
    }

    private void Restore(Snapshot snapshot, string? boot)
    {
        if (!Directory.Exists(TreePath(snapshot.Number))) Drop(snapshot);
        else if (boot is null) _snapshots[snapshot.ChainId] = snapshot;
        else if (boot == BootId) MakeDurable(_snapshots[snapshot.ChainId] = snapshot);
        else if (Remake(snapshot) is { } whole) MakeDurable(_snapshots[snapshot.ChainId] = whole);
        else Drop(snapshot);
    }

    private void Drop(Snapshot snapshot)
    {
        Log.LayerLost(_log, snapshot.ChainId);
        _state.Execute("delete from snapshots where number = $1", snapshot.Number);
    }

    private List<long> NumbersOnDisk()
    {
        using var directory = OpenAt.Open(_path, O.RDONLY | O.DIRECTORY);
        return [.. DirectoryEntries.Read(directory.Value).Select(name => long.TryParse(Encoding.ASCII.GetString(name), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : 0).Where(number => number > 0)];
    }

    private void RemoveUnknown()
    {
        var known = _snapshots.Values.Select(snapshot => snapshot.Number).Concat(_writables.Values.Select(writable => writable.Number)).ToHashSet();
        foreach (long number in NumbersOnDisk()) if (!known.Contains(number)) Discard(number);
        SweepObjects();
        InBackground(() => ForEachLayer((driver, path) => driver.RemoveHalfMade(path)));
        foreach (var snapshot in _snapshots.Values) if (snapshot.IsImage) InBackground(() => RemoveUnpacked(snapshot.Number));
    }

    /// <summary>Once for all removals that wait already: each sweep reads the lists of all layers.</summary>
    private void SweepObjects()
    {
        if (Interlocked.Exchange(ref _sweepWaits, 1) == 1) return;
        InBackground(() =>
        {
            Volatile.Write(ref _sweepWaits, 0);
            try { _objects.Sweep(); }
            catch (Exception error) when (error is IOException or InvalidDataException)
            {
                // Too much is there, and it is tried again with the next removal.
                Log.SweepFailed(_log, error);
            }
        });
    }

    private void ForEachLayer(Action<StorageDriver, string> action)
    {
        foreach (var snapshot in _snapshots.Values)
            foreach (var driver in _drivers) action(driver, NumberPath(snapshot.Number));
    }

    /// <summary>
    /// After a power cut a layer applied shortly before may have a row but not all its bytes, modes or attributes. Its journal and data
    /// still give its tar if nothing is lost, which the digest tells, and the tar gives the layer anew. Only layers not yet known to be
    /// on disk come here, which is the last seconds' worth. Null when it is lost.
    /// </summary>
    private Snapshot? Remake(Snapshot old)
    {
        var (number, directory) = MakeNumbered();
        using (directory)
        {
            try
            {
                var (snapshot, _) = RemakeAsync(old, number, directory).GetAwaiter().GetResult();
                Renumber(old, number);
                return snapshot;
            }
            catch (Exception error) when (error is IOException or InvalidDataException or Specs.Errors.WharfException or ZstdSharp.ZstdException)
            {
                Log.LayerDamaged(_log, old.ChainId, error);
                return null;
            }
        }
    }

    /// <summary>From here on another directory is the layer.</summary>
    private void Renumber(Snapshot old, long number) => _state.Execute("update snapshots set number = $2, boot = $3 where number = $1", old.Number, number, BootId);

    private Task<(Snapshot Snapshot, LeftOut LeftOut)> RemakeAsync(Snapshot old, long number, Fd directory) => Piped.RunAsync(
        output => PlayAsync(old, output, CancellationToken.None),
        tar => ExtractAsync(number, directory, old.Parent, Task.CompletedTask, old.DiffId, tar, CancellationToken.None, verifies: true));

    /// <summary>Removes a numbered directory that no row names any more, off the caller's path.</summary>
    private void Discard(long number) => InBackground(() => TryRemove(number, () =>
    {
        bool hasObjects = ObjectStore.IsUsedBy(NumberPath(number));
        _images.Hide(NumberPath(number));
        foreach (var driver in _drivers) driver.Release(NumberPath(number));
        _quotas.Free(NumberPath(number));
        TreeRemoval.Remove(_directory.Value, Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));
        if (hasObjects) SweepObjects();
    }));

    /// <summary>Removes the tree that a layer was before it became an image.</summary>
    private void RemoveUnpacked(long number) => TryRemove(number, () => LayerImages.RemoveUnpacked(NumberPath(number)));

    private void TryRemove(long number, Action remove)
    {
        try
        {
            remove();
        }
        catch (Exception error) when (error is SyscallException or IOException)
        {
            // It is tried again at the next start.
            Log.RemoveFailed(_log, number, error);
        }
    }

    /// <summary>
    /// Brings a new layer to the disk and then marks its row so. A killed daemon loses nothing either way; the mark only spares the
    /// check after a power cut. Waiting for it before answering would cost a pull more time than unpacking does.
    /// </summary>
    private void MakeDurable(Snapshot snapshot) => InBackground(() =>
    {
        try
        {
            SyscallException.Check(Libc.syncfs(_directory.Value), "syncfs", _path);
            _state.Execute("update snapshots set boot = null where number = $1", snapshot.Number);
        }
        catch (SyscallException error)
        {
            Log.SyncFailed(_log, snapshot.ChainId, error);
        }
    });

    // One at a time: what waits here is disk work that must not get in the way of those who wait for an answer.
    private void InBackground(Action work) => _background.Writer.TryWrite(work);

    private async Task WorkAsync()
    {
        await foreach (var work in _background.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            // What is left when the daemon stops is done at its next start.
            if (!_stopping) work();
        }
    }

    /// <summary>Waits until all removals and write-backs so far are done.</summary>
    public Task FinishBackgroundAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        InBackground(done.SetResult);
        return done.Task;
    }
}
