using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Freeing layers and blobs that nothing refers to any more, while others are being added.</summary>
public sealed partial class ImageService
{
    /// <summary>Frees layers and blobs that nothing refers to any more. Bytes.</summary>
    public async Task<long> CollectUnusedAsync(CancellationToken cancellation)
    {
        await _removing.WaitAsync(cancellation);
        try { return await CollectAsync(cancellation); }
        finally { _removing.Release(); }
    }

    private async Task CollectLaterAsync()
    {
        try { await CollectUnusedAsync(CancellationToken.None); }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or Microsoft.Data.Sqlite.SqliteException) { Log.CollectFailed(_log, error); }
    }

    /// <summary>Whether an image stands on this stack of layers.</summary>
    public bool Uses(Digest chain) => _configs.Values.Any(config => Chains(config).Contains(chain));

    private async Task<HashSet<Digest>> ImageChainsAsync(CancellationToken cancellation)
    {
        var needed = new HashSet<Digest>();
        foreach (var id in _store.All()) needed.UnionWith(Chains(await ConfigAsync(id, cancellation)));
        return needed;
    }

    /// <summary>
    /// Marks and deletes. The configurations are read first, then all is decided and deleted under the leases' lock: what came in between
    /// is seen there and read before another try.
    /// </summary>
    private async Task<long> CollectAsync(CancellationToken cancellation)
    {
        while (true)
        {
            foreach (var id in _store.All()) await ConfigAsync(id, cancellation);
            lock (_leases.Sync)
            {
                // Whoever holds something has it collected when letting go.
                if (_leases.HoldsAll || _leases.Held.Count > 0) _leases.Missed = true;
                if (_leases.HoldsAll) return 0;
                var images = _store.All();
                if (!images.TrueForAll(_configs.ContainsKey)) continue;
                return Sweep(images);
            }
        }
    }

    private long Sweep(List<Digest> images)
    {
        var chains = new HashSet<Digest>(OtherChains());
        var diffIds = new HashSet<Digest>();
        var blobs = new HashSet<Digest>(_leases.Held);
        blobs.UnionWith(_store.IndexContents());
        blobs.UnionWith(_store.FormContents());
        blobs.UnionWith(OtherBlobs().Select(static other => other.Blob));
        chains.UnionWith(_leases.Held);
        foreach (var id in images)
        {
            var config = _configs[id];
            chains.UnionWith(Chains(config));
            diffIds.UnionWith(config.RootFs?.DiffIds ?? []);
            blobs.Add(id);
            foreach (var (_, manifest) in _store.DigestsOf(id)) blobs.Add(manifest);
            blobs.UnionWith(_store.ManifestsOf(id));
        }
        foreach (var diffId in _store.LayersWithBlobs())
        {
            if (diffIds.Contains(diffId)) blobs.UnionWith(_store.LayerBlobs(diffId).Select(blob => blob.Digest));
            else if (!blobs.Contains(diffId)) _store.RemoveLayerBlobs(diffId);
        }
        long freed = _snapshots.Collect(chains).Sum(layer => layer.Size) + SweepRecipes();
        foreach (var digest in _content.List())
        {
            if (blobs.Contains(digest)) continue;
            freed += _content.SizeOf(digest);
            _content.Delete(digest);
        }
        return freed;
    }
}
