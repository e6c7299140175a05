using Wharf.Engine.Archive;
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

    /// <summary>Plays the layer's tar and digests it, and compares the tree with what the tar says of each member. Gives what is wrong, or null, and the bytes read.</summary>
    public async Task<(string? Problem, long Bytes)> VerifyAsync(Digest chainId, CancellationToken cancellation)
    {
        if (!_snapshots.TryGetValue(chainId, out var snapshot)) return ("it is gone", 0);
        if (snapshot.Parent is { } parent && !_snapshots.ContainsKey(parent)) return ($"its parent {parent} is missing", 0);
        var sink = new CountingSink();
        try
        {
            await PlayAsync(snapshot, sink, cancellation).ConfigureAwait(false);
            return (null, sink.Count);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or Linux.Syscalls.SyscallException or ZstdSharp.ZstdException or EndOfStreamException)
        {
            return (error.Message, sink.Count);
        }
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

    private sealed class CountingSink : Content.WriteOnlyStream
    {
        public long Count { get; private set; }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Count += buffer.Length;
            return ValueTask.CompletedTask;
        }
    }
}
