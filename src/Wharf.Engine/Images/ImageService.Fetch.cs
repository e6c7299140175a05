using Wharf.Engine.Content;
using Wharf.Engine.Images.Registry;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Fetching an image's layers side by side and unpacking them while they come.</summary>
public sealed partial class ImageService
{
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromMilliseconds(100);
    private readonly Dictionary<Digest, LayerFetch> _fetches = [];

    /// <summary>A pull as its parts see it.</summary>
    private sealed record Pulling(RegistryClient Client, ImageReference Name, Leases.Lease Lease, IProgress<JsonMessage> Progress);

    private async Task<ImageRecord> FetchAsync(Pulling pull, Manifest manifest, CancellationToken cancellation)
    {
        if (manifest.Config!.MediaType is not (MediaTypes.OciConfig or MediaTypes.DockerConfig))
            throw WharfException.Invalid($"unsupported media type {manifest.Config.MediaType}: the manifest is of an artifact, not of an image");
        if (manifest.Layers!.Count > _options.Limits.MaxLayers) throw WharfException.Invalid($"the image has {manifest.Layers.Count} layers; at most {_options.Limits.MaxLayers} are supported");
        foreach (var layer in manifest.Layers) CheckSize(layer);
        pull.Lease.Add(manifest.Config.Digest);
        var config = await pull.Client.BlobAsync(manifest.Config, _options.Limits.MaxImageConfig, cancellation);
        var image = ParseConfig(config);
        var diffIds = image.RootFs?.DiffIds ?? [];
        if (diffIds.Count != manifest.Layers.Count) throw WharfException.Invalid($"the manifest has {manifest.Layers.Count} layers, the configuration {diffIds.Count}");
        await FetchLayersAsync(pull, manifest.Layers, diffIds, cancellation);
        return await StoreConfigAsync(config, pull.Lease, cancellation);
    }

    private static void CheckSize(Descriptor layer)
    {
        if (layer.Size < 0) throw WharfException.Invalid($"layer {layer.Digest} has a negative size");
    }

    private async Task FetchLayersAsync(Pulling pull, List<Descriptor> layers, List<Digest> diffIds, CancellationToken cancellation)
    {
        var fetches = new LayerFetch?[layers.Count];
        var chains = new Digest[layers.Count];
        try
        {
            // Told first, fetched afterwards: a client draws one line for each from the start.
            Digest? chain = null;
            var missing = new List<int>();
            for (int i = 0; i < layers.Count; i++)
            {
                chain = chains[i] = ChainId.Of(chain, diffIds[i]);
                pull.Lease.Add(chains[i]);
                bool there = _snapshots.Exists(chains[i]);
                pull.Progress.Report(new JsonMessage { Status = there ? "Already exists" : "Pulling fs layer", ProgressDetail = new(), Id = ShortId(layers[i]) });
                if (!there) missing.Add(i);
            }
            foreach (int i in missing.Skip(_options.MaxConcurrentDownloads)) pull.Progress.Report(new JsonMessage { Status = "Waiting", ProgressDetail = new(), Id = ShortId(layers[i]) });
            foreach (int i in missing) fetches[i] = Join(pull, layers[i]);
            await UnpackAllAsync(diffIds, (place, stop) => fetches[place.Index] is { } fetch ? UnpackAsync(pull, fetch, place, stop) : _snapshots.Exists(place.ChainId) ? Task.CompletedTask
                : throw new WharfException(ErrorKind.Internal, $"layer {place.ChainId} went while it was used"), cancellation);
            // Of a layer that another pull has unpacked meanwhile, too, all has to be there and right.
            foreach (var fetch in fetches) if (fetch is not null) await fetch.Done.WaitAsync(cancellation);
            for (int i = 0; i < layers.Count; i++) Remember(pull, diffIds[i], layers[i]);
        }
        finally
        {
            for (int i = 0; i < layers.Count; i++) if (fetches[i] is { } fetch) await LeaveAsync(fetch);
        }
    }

    private void Remember(Pulling pull, Digest diffId, Descriptor layer)
    {
        _store.AddLayerBlob(diffId, new Descriptor { Digest = layer.Digest, Size = layer.Size, MediaType = layer.MediaType ?? MediaTypes.OciLayerGzip });
        _store.AddBlobSource(layer.Digest, pull.Name.Repository);
    }

    private static string ShortId(Descriptor layer) => layer.Digest.Hex[..12];

    /// <summary>Takes part in the fetch of a blob, which another pull may have begun.</summary>
    private LayerFetch Join(Pulling pull, Descriptor layer)
    {
        LayerFetch fetch;
        lock (_fetches)
        {
            pull.Lease.Add(layer.Digest);
            if (!_fetches.TryGetValue(layer.Digest, out fetch!) || fetch.Done.IsFaulted || fetch.Done.IsCanceled)
                _fetches[layer.Digest] = fetch = new LayerFetch(_content, layer, (self, cancellation) => DownloadAsync(pull, self, cancellation));
            fetch.Users++;
        }
        long last = 0;
        var id = ShortId(layer);
        fetch.Progress += offset =>
        {
            if (offset >= layer.Size || Environment.TickCount64 - last < ProgressEvery.TotalMilliseconds) return;
            last = Environment.TickCount64;
            pull.Progress.Report(Progress("Downloading", offset, layer.Size, id));
        };
        return fetch;
    }

    /// <summary>The last to leave ends a fetch that is not done, and drops the compressed form of a layer that is now unpacked, unless a recipe is still to be made of it.</summary>
    private async Task LeaveAsync(LayerFetch fetch, bool keep = false)
    {
        lock (_fetches)
        {
            if (--fetch.Users > 0) return;
            if (_fetches.GetValueOrDefault(fetch.Blob.Digest) == fetch) _fetches.Remove(fetch.Blob.Digest);
            fetch.Cancel();
        }
        try { await fetch.Done; }
        catch (Exception) { /* told by the pull that unpacks */ }
        fetch.Dispose();
        bool isKept = keep || _options.LayerBlobs switch
        {
            LayerBlobs.Keep => true,
            // What a pull that failed has brought is no layer's.
            LayerBlobs.Recipe => _store.IsLayerBlob(fetch.Blob.Digest) && _store.RecipeOf(fetch.Blob.Digest)?.Recipe is null,
            _ => false,
        };
        lock (_fetches)
            if (!isKept && fetch.Done.IsCompletedSuccessfully && !_fetches.ContainsKey(fetch.Blob.Digest) && !IsOthers(fetch.Blob.Digest)) _content.Delete(fetch.Blob.Digest);
        WantRecipes();
    }

    private async Task DownloadAsync(Pulling pull, LayerFetch fetch, CancellationToken cancellation)
    {
        var layer = fetch.Blob;
        if (_content.Has(layer.Digest)) return;
        await _downloads.WaitAsync(cancellation);
        try
        {
            await using var ingest = await _content.IngestAsync(layer.Digest, layer.Size, cancellation);
            fetch.Began(ingest.Path, ingest.Offset);
            try { await pull.Client.DownloadAsync(ingest, layer, fetch.Advance, _downloads, cancellation); }
            // As dockerd on Linux: a foreign layer comes from its registry as any other, and from nowhere that a manifest points to.
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound && layer.Urls is { Count: > 0 })
            {
                throw WharfException.Invalid($"layer {layer.Digest} is not at the registry, and foreign layers are not fetched from elsewhere ({layer.Urls[0]})", error);
            }
            pull.Progress.Report(new JsonMessage { Status = "Verifying Checksum", ProgressDetail = new(), Id = ShortId(layer) });
            ingest.Commit();
        }
        finally { _downloads.Release(); }
    }

    private async Task UnpackAsync(Pulling pull, LayerFetch fetch, LayerPlace place, CancellationToken cancellation)
    {
        var layer = fetch.Blob;
        var id = ShortId(layer);
        long last = 0;
        bool told = false;
        void Extracting(long offset)
        {
            // While it is still being fetched, that is what its line shows.
            if (!fetch.Done.IsCompletedSuccessfully) return;
            if (!told) pull.Progress.Report(new JsonMessage { Status = "Download complete", ProgressDetail = new(), Id = id });
            told = true;
            if (Environment.TickCount64 - last < ProgressEvery.TotalMilliseconds) return;
            last = Environment.TickCount64;
            pull.Progress.Report(Progress("Extracting", offset, layer.Size, id));
        }
        await using (var blob = new ProgressStream(await fetch.OpenReadAsync(cancellation), Extracting))
        await using (var tar = await Compression.OpenAsync(blob, _options.Limits.MaxDecompressionRatio, cancellation))
            await _snapshots.ApplyAsync(place.Parent, place.Below, place.DiffId, tar, cancellation);
        // The tar may have ended before its blob did: nothing of it counts before all is there and right.
        await fetch.Done.WaitAsync(cancellation);
        Extracting(layer.Size);
        pull.Progress.Report(new JsonMessage { Status = "Pull complete", ProgressDetail = new(), Id = id });
    }

    /// <summary>A report of progress every tenth of a second, and of the end.</summary>
    private static Action<long> Throttled(string id, string status, long total, IProgress<JsonMessage> progress)
    {
        long last = 0;
        return offset =>
        {
            if (offset < total && Environment.TickCount64 - last < ProgressEvery.TotalMilliseconds) return;
            last = Environment.TickCount64;
            progress.Report(Progress(status, offset, total, id));
        };
    }

    private static JsonMessage Progress(string status, long current, long total, string id) =>
        new() { Status = status, ProgressDetail = new ProgressDetail { Current = current, Total = total }, Progress = ProgressBar.Of(current, total), Id = id };
}
