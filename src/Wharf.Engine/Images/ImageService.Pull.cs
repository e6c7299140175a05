using System.Collections.Concurrent;
using Wharf.Engine.Content;
using Wharf.Engine.Images.Registry;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Pulling: layers are fetched side by side and unpacked in order as they come; what is here is not fetched.</summary>
public sealed partial class ImageService
{
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromMilliseconds(100);
    private readonly ConcurrentDictionary<Digest, SemaphoreSlim> _downloads = new();

    /// <summary>Pulls an image; progress messages have the Engine API's form.</summary>
    public async Task<ImageRecord> PullAsync(string name, Platform? platform, AuthConfig? auth, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var reference = ImageReference.Parse(name).WithDefaultTag();
        using var client = new RegistryClient(reference, auth, _options);
        await client.ConnectAsync(push: false, cancellation);
        var asked = reference.Digest?.ToString() ?? reference.Tag!;
        progress.Report(new JsonMessage { Status = reference.Digest is null ? $"Pulling from {reference.Path}" : $"{reference.Canonical}: Pulling from {reference.Path}", Id = asked });
        var (bytes, mediaType, digest) = await client.ManifestAsync(asked, cancellation);
        var (manifestBytes, manifestType, manifestDigest) = (bytes, mediaType, digest);
        if (ManifestDocuments.IsIndex(mediaType, bytes))
        {
            var wanted = platform ?? Platforms.Host;
            var chosen = Platforms.Choose(ManifestDocuments.ParseIndex(bytes, mediaType).Manifests ?? [], wanted)
                ?? throw WharfException.NotFound($"no matching manifest for {Platforms.Describe(wanted)} in the manifest list entries");
            (manifestBytes, manifestType, manifestDigest) = await client.ManifestAsync(chosen.Digest.ToString(), cancellation);
        }
        var manifest = ManifestDocuments.ParseManifest(manifestBytes, manifestType);
        using var _ = await _gate.ReaderAsync(cancellation);
        bool isNew = !_store.Exists(manifest.Config!.Digest);
        var image = await FetchAsync(client, manifest, progress, cancellation);
        await _content.WriteAsync(bytes, cancellation);
        await _content.WriteAsync(manifestBytes, cancellation);
        _store.AddDigest(reference.Repository, digest, image.Id);
        if (reference.Tag is not null) isNew |= _store.SetName(reference.WithTag(reference.Tag), image.Id) != image.Id;
        progress.Report(new JsonMessage { Status = $"Digest: {digest}" });
        progress.Report(new JsonMessage { Status = $"Status: {(isNew ? "Downloaded newer image" : "Image is up to date")} for {reference.Familiar}" });
        Publish("pull", image.Id, reference.Familiar);
        return await RecordAsync(image.Id, cancellation);
    }

    private async Task<ImageRecord> FetchAsync(RegistryClient client, Manifest manifest, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        if (manifest.Config!.MediaType is not (MediaTypes.OciConfig or MediaTypes.DockerConfig))
            throw WharfException.Invalid($"the manifest is of an artifact ({manifest.Config.MediaType}), not of an image");
        if (manifest.Layers!.Count > _options.Limits.MaxLayers) throw WharfException.Invalid($"the image has {manifest.Layers.Count} layers; at most {_options.Limits.MaxLayers} are supported");
        var config = await client.BlobAsync(manifest.Config, _options.Limits.MaxImageConfig, cancellation);
        var image = ParseConfig(config);
        var diffIds = image.RootFs?.DiffIds ?? [];
        if (diffIds.Count != manifest.Layers.Count) throw WharfException.Invalid($"the manifest has {manifest.Layers.Count} layers, the configuration {diffIds.Count}");

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var slots = new SemaphoreSlim(_options.MaxConcurrentDownloads);
        var downloads = new Task[diffIds.Count];
        Digest? chain = null;
        for (int i = 0; i < diffIds.Count; i++)
        {
            chain = ChainId.Of(chain, diffIds[i]);
            var layer = manifest.Layers[i];
            if (_snapshots.Exists(chain.Value))
            {
                progress.Report(new JsonMessage { Status = "Already exists", ProgressDetail = new(), Id = ShortId(layer) });
                downloads[i] = Task.CompletedTask;
                continue;
            }
            progress.Report(new JsonMessage { Status = "Pulling fs layer", ProgressDetail = new(), Id = ShortId(layer) });
            downloads[i] = DownloadAsync(client, layer, slots, progress, stop.Token);
        }
        try
        {
            chain = null;
            for (int i = 0; i < diffIds.Count; i++)
            {
                await downloads[i];
                chain = await UnpackAsync(chain, diffIds[i], manifest.Layers[i], progress, cancellation);
            }
        }
        catch
        {
            await stop.CancelAsync();
            try { await Task.WhenAll(downloads); }
            catch (Exception) { /* the first error is the one that is told */ }
            throw;
        }
        return await StoreConfigAsync(config, cancellation);
    }

    private static string ShortId(Descriptor layer) => layer.Digest.Hex[..12];

    private async Task DownloadAsync(RegistryClient client, Descriptor layer, SemaphoreSlim slots, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        if (layer.Urls is { Count: > 0 }) throw WharfException.Invalid($"layer {layer.Digest} is to be fetched from elsewhere ({layer.Urls[0]}): foreign layers are refused");
        // Two pulls of one blob: the second waits and finds it.
        var single = _downloads.GetOrAdd(layer.Digest, _ => new SemaphoreSlim(1, 1));
        await single.WaitAsync(cancellation);
        try
        {
            await slots.WaitAsync(cancellation);
            try
            {
                if (!_content.Has(layer.Digest))
                {
                    await using var ingest = await _content.IngestAsync(layer.Digest, layer.Size, cancellation);
                    long last = 0;
                    await client.DownloadAsync(ingest, layer, offset =>
                    {
                        if (Environment.TickCount64 - last < ProgressEvery.TotalMilliseconds) return;
                        last = Environment.TickCount64;
                        progress.Report(Progress("Downloading", offset, layer.Size, ShortId(layer)));
                    }, cancellation);
                    progress.Report(new JsonMessage { Status = "Verifying Checksum", ProgressDetail = new(), Id = ShortId(layer) });
                }
            }
            finally { slots.Release(); }
        }
        finally
        {
            single.Release();
            _downloads.TryRemove(layer.Digest, out SemaphoreSlim? _);
        }
        progress.Report(new JsonMessage { Status = "Download complete", ProgressDetail = new(), Id = ShortId(layer) });
    }

    private async Task<Digest> UnpackAsync(Digest? parent, Digest diffId, Descriptor layer, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var chain = ChainId.Of(parent, diffId);
        if (!_snapshots.Exists(chain))
        {
            long last = 0;
            await using var blob = new ProgressStream(_content.OpenRead(layer.Digest), offset =>
            {
                if (Environment.TickCount64 - last < ProgressEvery.TotalMilliseconds) return;
                last = Environment.TickCount64;
                progress.Report(Progress("Extracting", offset, layer.Size, ShortId(layer)));
            });
            await using var tar = await Compression.OpenAsync(blob, _options.Limits.MaxDecompressionRatio, cancellation);
            await _snapshots.ApplyAsync(parent, diffId, tar, cancellation);
            progress.Report(new JsonMessage { Status = "Pull complete", ProgressDetail = new(), Id = ShortId(layer) });
        }
        _store.AddLayerBlob(diffId, new Descriptor { Digest = layer.Digest, Size = layer.Size, MediaType = layer.MediaType ?? MediaTypes.OciLayerGzip });
        return chain;
    }

    private static JsonMessage Progress(string status, long current, long total, string id) =>
        new() { Status = status, ProgressDetail = new ProgressDetail { Current = current, Total = total }, Progress = ProgressBar.Of(current, total), Id = id };
}
