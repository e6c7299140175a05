using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    private readonly Channel<Action> _background = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _worker;
    private volatile bool _stopping;

    /// <summary>Reads what exists and removes what a killed daemon left half made or half removed.</summary>
    private void Recover()
    {

        var rows = _state.Query("select number, chain, parent, diff, size, boot from snapshots order by number", static row =>
            (Snapshot: new Snapshot(row.GetInt64(0), Digest.Parse(row.GetString(1)), row.IsDBNull(2) ? null : Digest.Parse(row.GetString(2)), Digest.Parse(row.GetString(3)), row.GetInt64(4)),
             Boot: row.IsDBNull(5) ? null : row.GetString(5)));
        foreach (var (snapshot, madeIn) in rows)
        {
            bool doubtful = madeIn is not null && madeIn != BootId;
            if ((snapshot.Parent is { } parent && !_snapshots.ContainsKey(parent)) || !Directory.Exists(TreePath(snapshot.Number)) || (doubtful && !IsWhole(snapshot)))
            {
                Log.LayerLost(_log, snapshot.ChainId);
                _state.Execute("delete from snapshots where number = $1", snapshot.Number);
                continue;
            }
            _snapshots[snapshot.ChainId] = snapshot;
            if (madeIn is not null) MakeDurable(snapshot);
        }
        foreach (var (key, writable) in _state.Query("select key, number, parent from writables", static row =>
            (row.GetString(0), new Writable(row.GetInt64(1), row.IsDBNull(2) ? null : Digest.Parse(row.GetString(2)))))) _writables[key] = writable;
        RemoveUnknown();
    }

    private void RemoveUnknown()
    {
        var known = _snapshots.Values.Select(snapshot => snapshot.Number).Concat(_writables.Values.Select(writable => writable.Number)).ToHashSet();
        foreach (var name in DirectoryEntries.Read(_directory.Value))
        {
            if (!long.TryParse(Encoding.ASCII.GetString(name), NumberStyles.None, CultureInfo.InvariantCulture, out long number)) continue;
            _lastNumber = Math.Max(_lastNumber, number);
            if (!known.Contains(number)) Discard(number);
        }
    }

    /// <summary>
    /// After a power cut a layer applied shortly before may have a row but not all its bytes. The digest over the tar it gives tells.
    /// Only layers not yet known to be on disk come here, which is the last seconds' worth.
    /// </summary>
    private bool IsWhole(Snapshot snapshot)
    {
        try
        {
            PlayAsync(snapshot, Stream.Null, CancellationToken.None).GetAwaiter().GetResult();
            return true;
        }
        catch (Exception error) when (error is IOException or InvalidDataException or Wharf.Specs.Errors.WharfException or ZstdSharp.ZstdException)
        {
            Log.LayerDamaged(_log, snapshot.ChainId, error);
            return false;
        }
    }

    /// <summary>Removes a numbered directory that no row names any more, off the caller's path.</summary>
    private void Discard(long number) => InBackground(() =>
    {
        try
        {
            TreeRemoval.Remove(_directory.Value, Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));
        }
        catch (SyscallException error)
        {
            // It is tried again at the next start.
            Log.RemoveFailed(_log, number, error);
        }
    });

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
