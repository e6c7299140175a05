using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    /// <summary>Whether writable layers can have a size.</summary>
    public bool LimitsSizes => _quotas.IsOn;

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
            using (directory)
            {
                // Before there is anything in it: what is made later inherits the mark.
                if (size is { } bytes) _quotas.Set(NumberPath(number), bytes, "the writable layer");
                if (CopiesLayers) await Task.Run(() => MakePlain(directory, Lowers(parent), cancellation), cancellation);
                else MakeUpper(directory, parent);
            }
            var writable = new Writable(number, parent, CopiesLayers);
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

    /// <summary>Overlayfs's work directory and the upper one, with the root's owner and mode as the layers have it: overlayfs shows the upper one's.</summary>
    private void MakeUpper(Fd directory, Digest? parent)
    {
        MakeDirectory(directory, "work"u8, 0x1c0).Dispose();
        FileAt.Check(FileAt.MakeDirectory(directory.Value, "fs"u8, 0x1ed), "mkdirat", "fs"u8);
        uint mode = 0x1ed, uid = 0, gid = 0;
        if (parent is { } top)
        {
            FileAt.Check(FileAt.Stat(OpenAt.AT_FDCWD, System.Text.Encoding.UTF8.GetBytes(TreePath(Find(top).Number)), out var like), "statx", "fs"u8);
            (mode, uid, gid) = (like.Permissions, like.Uid, like.Gid);
        }
        FileAt.Check(FileAt.Stat(directory.Value, "fs"u8, out var made), "statx", "fs"u8);
        if (made.Uid != uid || made.Gid != gid) FileAt.Check(FileAt.ChangeOwner(directory.Value, "fs"u8, uid, gid), "fchownat", "fs"u8);
        if (made.Permissions != mode) FileAt.Check(FileAt.ChangeMode(directory.Value, "fs"u8, mode), "fchmodat", "fs"u8);
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

    /// <summary>What the runtime mounts as the container's root: one overlay, layers uppermost first.</summary>
    public IReadOnlyList<Specs.Runtime.Mount> Mounts(string key)
    {
        var writable = Find(key);
        var path = NumberPath(writable.Number);
        if (writable.IsPlain) return [new Specs.Runtime.Mount { Type = "bind", Source = path + "/fs", Destination = "/", Options = ["bind"] }];
        return
        [
            new Specs.Runtime.Mount
            {
                Type = "overlay", Source = "overlay", Destination = "/",
                Options = [.. OverlayFlags, "lowerdir=" + string.Join(':', Lowers(writable.Parent)), $"upperdir={path}/fs", $"workdir={path}/work"],
            },
        ];
    }

    // What the distribution may have switched on by default: a renamed lower directory or a file's metadata alone in the upper
    // directory would make commit and diff miss contents, and an index ties the directories to one machine's file handles.
    private static readonly string[] OverlayFlags = ["index=off", "redirect_dir=off", "metacopy=off"];

    /// <summary>The root file system of a container that does not run, as a mount attached nowhere; closing it unmounts.</summary>
    public Fd OpenRoot(string key) => IsPlain(key) ? OpenPlain(TreePath(Find(key).Number), readOnly: false) : OverlayMount.Create(Mounts(key)[0].Options!, 0);

    /// <summary>
    /// The root file system as it is now, read-only and with nothing mounted in it, also of a running container: the writable layer
    /// is the uppermost of the lower ones, so that only the container's own mount ever writes to it.
    /// </summary>
    public Fd OpenRootReadOnly(string key)
    {
        var writable = Find(key);
        if (writable.IsPlain) return OpenPlain(TreePath(writable.Number), readOnly: true);
        return OpenReadOnly(Lowers(writable.Parent).Prepend(TreePath(writable.Number)));
    }

    /// <summary>Bytes the writable layer holds, hard links counted once.</summary>
    public long WritableSize(string key)
    {
        return IsPlain(key) ? PlainSize(key) : TreeSize.Of(TreePath(Find(key).Number));
    }

    /// <summary>The numbers of all writable layers' directories.</summary>
    public IReadOnlySet<long> WritableNumbers() => _writables.Values.Select(writable => writable.Number).ToHashSet();

    /// <summary>Bytes of the writable layer and of all layers below it.</summary>
    public long RootSize(string key)
    {
        long size = WritableSize(key);
        for (var at = Find(key).Parent; at is { } chain && _snapshots.TryGetValue(chain, out var snapshot); at = snapshot.Parent) size += snapshot.Size;
        return size;
    }
}
