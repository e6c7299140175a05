using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Drivers;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>Proving that layers are what they were.</summary>
public sealed partial class SnapshotService
{
    /// <summary>Layers by chain ID, parents before children.</summary>
    public List<(Digest ChainId, Digest DiffId, Digest? Parent)> Layers()
    {
        var all = _snapshots.Values.ToList();
        var ordered = new List<(Digest, Digest, Digest?)>();
        var done = new HashSet<Digest>();
        while (all.Count > 0)
        {
            var ready = all.FindAll(snapshot => snapshot.Parent is not { } parent || done.Contains(parent) || !_snapshots.ContainsKey(parent));
            if (ready.Count == 0) ready = all.ToList();
            foreach (var snapshot in ready)
            {
                done.Add(snapshot.ChainId);
                ordered.Add((snapshot.ChainId, snapshot.DiffId, snapshot.Parent));
            }
            all.RemoveAll(ready.Contains);
        }
        return ordered;
    }

    /// <summary>
    /// Plays the layer's tar and digests it, unpacks it a second time without the data of its files, and compares the trees. Gives what is wrong, or null, and the bytes read.
    /// </summary>
    public async Task<(string? Problem, long Bytes)> VerifyAsync(Digest chainId, CancellationToken cancellation)
    {
        if (!_snapshots.TryGetValue(chainId, out var snapshot)) return ("it is gone", 0);
        if (snapshot.Parent is { } parent && !_snapshots.ContainsKey(parent)) return ($"its parent {parent} is missing", 0);
        try { return await Task.Run(() => ProveAsync(snapshot, cancellation), cancellation).ConfigureAwait(false); }
        catch (Exception error) when (IsDamage(error)) { return (error.Message, 0); }
    }

    /// <summary>
    /// Compares the trees of whole stacks that lie beside a layer with the layers they were made of. Gives what is wrong, or null; with <paramref name="repair"/> such a
    /// tree is removed, and made anew when it is needed.
    /// </summary>
    public async Task<string?> VerifyWholeAsync(Digest chainId, bool repair, CancellationToken cancellation)
    {
        if (_snapshots.TryGetValue(chainId, out var top) && LayerImages.HasStack(NumberPath(top.Number)) && !await Task.Run(() => _images.IsStackWhole(Stack(chainId)), cancellation).ConfigureAwait(false))
        {
            if (repair) _images.ForgetStack(NumberPath(top.Number));
            return "stack.erofs is not as the layers have it";
        }
        foreach (var driver in _drivers)
        {
            if (!_snapshots.TryGetValue(chainId, out var snapshot) || driver.WholeIn(NumberPath(snapshot.Number)) is not { } whole) continue;
            var differences = await Task.Run(() => Differences(Stack(chainId).Layers, [whole], cancellation), cancellation).ConfigureAwait(false);
            if (differences.Count == 0) continue;
            if (repair) driver.ForgetWhole(NumberPath(snapshot.Number));
            var more = differences.Count > 1 ? $", nor are {differences.Count - 1} others" : "";
            return $"{Path.GetFileName(whole)}: {differences[0].Path} is not as the layers have it{more}";
        }
        return null;
    }

    private static bool IsDamage(Exception error) => error is IOException or InvalidDataException or ZstdSharp.ZstdException or WharfException;

    private async Task<(string? Problem, long Bytes)> ProveAsync(Snapshot snapshot, CancellationToken cancellation)
    {
        var (number, directory) = MakeNumbered();
        try
        {
            using (directory)
            using (var expected = MakeTree(directory, "fs"u8))
            using (var found = OpenAt.Open(LayerStack.TreeIn(ShownPath(snapshot)), O.RDONLY | O.DIRECTORY))
            {
                long bytes = 0;
                var filled = await Piped.RunAsync(
                    async output => bytes = await PlayAsync(snapshot, output, cancellation, provesHoles: true).ConfigureAwait(false),
                    tar => FillTreeAsync(number, directory, expected, snapshot.Parent, Task.CompletedTask, tar, hollow: true, cancellation)).ConfigureAwait(false);
                return (new LayerProof(filled.CopiedUp, _objects, cancellation).Run(expected, found), bytes);
            }
        }
        finally { Discard(number); }
    }

    /// <summary>Forgets a layer that is damaged, and all that stand on it. False when a container still uses one of them.</summary>
    public bool Forget(Digest chainId)
    {
        lock (_commitLock)
        {
            var lost = new HashSet<Digest> { chainId };
            for (int before = 0; before != lost.Count;)
            {
                before = lost.Count;
                foreach (var snapshot in _snapshots.Values) if (snapshot.Parent is { } parent && lost.Contains(parent)) lost.Add(snapshot.ChainId);
            }
            if (lost.Any(IsUsedByContainer)) return false;
            foreach (var chain in lost)
            {
                if (!_snapshots.TryRemove(chain, out var snapshot)) continue;
                _state.Execute("delete from snapshots where number = $1", snapshot.Number);
                Discard(snapshot.Number);
            }
            return true;
        }
    }

    /// <summary>Numbered directories that no row names; with <paramref name="remove"/> they are removed.</summary>
    public List<string> Leftovers(bool remove)
    {
        var known = _snapshots.Values.Select(snapshot => snapshot.Number).Concat(_writables.Values.Select(writable => writable.Number)).ToHashSet();
        // What is being made now has a number and no row yet: only what is older than this daemon's last is left over.
        var left = NumbersOnDisk().Where(number => number <= _firstNumber && !known.Contains(number)).ToList();
        if (remove) left.ForEach(Discard);
        return [.. left.Select(NumberPath)];
    }
}
