using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    private static readonly string BootId = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    private readonly Dictionary<Digest, TaskCompletionSource> _applying = [];
    private readonly Lock _commitLock = new();

    /// <summary>
    /// Unpacks an uncompressed layer on top of <paramref name="parent"/>. Verifies <paramref name="expectedDiffId"/> over the bytes read
    /// (InvalidArgument when it differs) and returns the layer with its real diff ID and size. Idempotent, single flight per chain ID
    /// (a layer that is here already leaves the stream unread); atomic: a kill leaves either the whole snapshot or nothing that is ever used.
    /// </summary>
    public Task<LayerInfo> ApplyAsync(Digest? parent, Digest? expectedDiffId, Stream tar, CancellationToken cancellation) =>
        ApplyAsync(parent, Task.CompletedTask, expectedDiffId, tar, cancellation);

    /// <summary>As above, while the parent may still be unpacked: <paramref name="below"/> ends when it is there, or fails with what this fails with then.</summary>
    public async Task<LayerInfo> ApplyAsync(Digest? parent, Task below, Digest? expectedDiffId, Stream tar, CancellationToken cancellation)
    {
        if (below.IsCompletedSuccessfully && parent is { } known) Find(known);
        if (expectedDiffId is not { } diffId) return await UnpackAsync(parent, below, null, tar, cancellation).ConfigureAwait(false);
        var chainId = ChainId.Of(parent, diffId);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        while (true)
        {
            Task other;
            lock (_commitLock)
            {
                if (_snapshots.TryGetValue(chainId, out var there)) return Info(there);
                if (!_applying.TryGetValue(chainId, out var running))
                {
                    _applying.Add(chainId, done);
                    break;
                }
                other = running.Task;
            }
            // Should it fail, this one tries with its own stream.
            await other.WaitAsync(cancellation).ConfigureAwait(false);
        }
        try
        {
            return await UnpackAsync(parent, below, diffId, tar, cancellation).ConfigureAwait(false);
        }
        finally
        {
            lock (_commitLock) _applying.Remove(chainId);
            done.SetResult();
        }
    }

    private async Task<LayerInfo> UnpackAsync(Digest? parent, Task below, Digest? expectedDiffId, Stream tar, CancellationToken cancellation)
    {
        var (number, directory) = MakeNumbered();
        bool committed = false;
        try
        {
            using (directory)
            {
                var (snapshot, leftOut) = await Task.Run(() => ExtractAsync(number, directory, parent, below, expectedDiffId, tar, cancellation), cancellation).ConfigureAwait(false);
                await below.WaitAsync(cancellation).ConfigureAwait(false);
                if (leftOut != default) Log.LeftOut(_log, snapshot.ChainId, leftOut.Devices, leftOut.Xattrs);
                var kept = Commit(snapshot);
                committed = kept == snapshot;
                if (committed) MakeDurable(snapshot);
                return Info(kept);
            }
        }
        finally
        {
            if (!committed) Discard(number);
        }
    }

    private async Task<(Snapshot Snapshot, LeftOut LeftOut)> ExtractAsync(long number, Fd directory, Digest? parent, Task below, Digest? expectedDiffId, Stream tar, CancellationToken cancellation, bool verifies = false)
    {
        using var tree = MakeTree(directory, _driver.KeepsImages ? LayerImages.Unpacked : "fs"u8);
        await using var source = new HashingReadAhead(tar, cancellation);
        var filled = await FillTreeAsync(number, directory, tree, parent, below, source, hollow: false, cancellation).ConfigureAwait(false);
        var diffId = Digest.FromSha256(source.GetHash());
        if (expectedDiffId is { } expected && expected != diffId)
            throw WharfException.Invalid($"invalid diffID for layer: expected \"{expected}\", got \"{diffId}\"");
        if (_driver.KeepsImages)
        {
            using var objects = _driver.KeepsObjects ? _objects.Begin(number, verifies) : null;
            _images.Seal(directory, tree, diffId, objects, cancellation);
            objects?.Publish(NumberPath(number));
            // Before the image is brought to the disk, and with it all else that was written.
            InBackground(() => RemoveUnpacked(number));
        }
        return (new Snapshot(number, ChainId.Of(parent, diffId), parent, diffId, filled.Bytes, _driver.KeepsImages), filled.LeftOut);
    }

    private static Fd MakeTree(Fd directory, ReadOnlySpan<byte> name)
    {
        var tree = MakeDirectory(directory, name, 0x1ed);
        FileAt.Check(FileAt.ChangeMode(directory.Value, name, 0x1ed), "fchmodat", name);
        return tree;
    }

    private sealed record Filled(long Bytes, LeftOut LeftOut, IReadOnlySet<byte[]> CopiedUp);

    /// <summary>Reads a layer's tar to its end into <paramref name="tree"/>, with the journal and what it needs beside the tree.</summary>
    private async Task<Filled> FillTreeAsync(long number, Fd directory, Fd tree, Digest? parent, Task below, Stream tar, bool hollow, CancellationToken cancellation)
    {
        MergedDirectory? lower = null;
        try
        {
            return await FillTreeAsync(number, directory, tree, async () =>
            {
                await below.WaitAsync(cancellation).ConfigureAwait(false);
                return lower = parent is null ? null : MergedDirectory.Open(Stack(parent).Trees);
            }, below.IsCompletedSuccessfully, tar, hollow, cancellation).ConfigureAwait(false);
        }
        finally { lower?.Dispose(); }
    }

    private async Task<Filled> FillTreeAsync(long number, Fd directory, Fd tree, Func<Task<MergedDirectory?>> openLower, bool isThere, Stream tar, bool hollow, CancellationToken cancellation)
    {
        using var kept = MakeDirectory(directory, "kept"u8, 0x1c0);
        using var journal = new LayerJournal(NumberPath(number) + "/tar");
        var reader = new TarReader(tar, _options.Limits, journal.Bytes);
        using var extractor = new SafeExtractor(tree, new SafeExtractorOptions
        {
            Limits = _options.Limits,
            Hollow = hollow,
            Layer = new LayerExtraction { OpenLower = openLower, LowerIsThere = isThere, Objects = _objects, Kept = kept, Journal = journal },
        });
        await extractor.ExtractAsync(reader, cancellation).ConfigureAwait(false);
        await reader.DrainAsync(cancellation).ConfigureAwait(false);
        journal.Complete();
        FileAt.Unlink(directory.Value, "kept"u8, isDirectory: true);
        return new Filled(extractor.Bytes, extractor.LeftOut, extractor.CopiedUp);
    }

    /// <summary>Makes the snapshot exist. Gives the one that is there when another was faster.</summary>
    private Snapshot Commit(Snapshot snapshot)
    {
        lock (_commitLock)
        {
            if (_snapshots.TryGetValue(snapshot.ChainId, out var there)) return there;
            if (snapshot.Parent is { } parent) Find(parent);
            _state.Execute("insert into snapshots (number, chain, parent, diff, size, boot) values ($1, $2, $3, $4, $5, $6)",
                snapshot.Number, snapshot.ChainId.ToString(), snapshot.Parent?.ToString(), snapshot.DiffId.ToString(), snapshot.Size, BootId);
            _snapshots[snapshot.ChainId] = snapshot;
            return snapshot;
        }
    }

    private static LayerInfo Info(Snapshot snapshot) => new(snapshot.ChainId, snapshot.DiffId, snapshot.Size);
}
