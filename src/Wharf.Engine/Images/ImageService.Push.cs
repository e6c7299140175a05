using System.IO.Compression;
using System.Text.Json;
using Wharf.Engine.Content;
using Wharf.Engine.Images.Registry;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Pushing: only what the registry has not got is sent.</summary>
public sealed partial class ImageService
{
    /// <summary>Pushes one tag, or all tags of a repository.</summary>
    public async Task PushAsync(string name, string? tag, bool all, AuthConfig? auth, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var reference = ImageReference.Parse(tag is { Length: > 0 } ? $"{name}:{tag}" : name);
        if (reference.Digest is not null) throw WharfException.Invalid("cannot push a digest reference");
        var names = all ? _store.NamesIn(reference.Repository) : [reference.WithDefaultTag()];
        if (names.Count == 0 || (!all && _store.ByName(names[0].Canonical) is null))
            throw WharfException.NotFound($"An image does not exist locally with the tag: {reference.FamiliarRepository}");
        progress.Report(new JsonMessage { Status = $"The push refers to repository [{reference.Repository}]" });
        using var client = new RegistryClient(reference, auth, _options);
        await client.ConnectAsync(push: true, cancellation);
        foreach (var one in names)
        {
            var image = await GetAsync(one.Familiar, null, cancellation);
            using var _ = await _gate.ReaderAsync(cancellation);
            await PushOneAsync(client, one, image, progress, cancellation);
            Publish("push", image.Id, one.Familiar);
        }
    }

    private async Task PushOneAsync(RegistryClient client, ImageReference reference, ImageRecord image, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var diffIds = image.Config.RootFs?.DiffIds ?? [];
        foreach (var diffId in diffIds) progress.Report(new JsonMessage { Status = "Preparing", ProgressDetail = new(), Id = diffId.Hex[..12] });
        using var slots = new SemaphoreSlim(_options.MaxConcurrentUploads);
        var layers = new Descriptor[diffIds.Count];
        Digest? chain = null;
        var uploads = new List<Task>();
        for (int i = 0; i < diffIds.Count; i++)
        {
            chain = ChainId.Of(chain, diffIds[i]);
            int at = i;
            var ofLayer = chain.Value;
            uploads.Add(InSlotAsync(slots, async () => layers[at] = await PushLayerAsync(client, reference, diffIds[at], ofLayer, progress, cancellation), cancellation));
        }
        await Task.WhenAll(uploads);
        var config = await _content.ReadAsync(image.Id, _options.Limits.MaxImageConfig, cancellation);
        var configBlob = new Descriptor { MediaType = MediaTypes.DockerConfig, Digest = image.Id, Size = config.Length };
        if (!await client.HasBlobAsync(image.Id, cancellation)) await client.UploadAsync(configBlob, () => new MemoryStream(config), _ => { }, cancellation);
        var manifest = await ManifestForAsync(image, reference, configBlob, layers, cancellation);
        await client.PutManifestAsync(reference.Tag!, manifest.Bytes, manifest.MediaType, cancellation);
        var digest = Digest.OfBytes(manifest.Bytes);
        await _content.WriteAsync(manifest.Bytes, cancellation);
        _store.AddDigest(reference.Repository, digest, image.Id);
        progress.Report(new JsonMessage { Status = $"{reference.Tag}: digest: {digest} size: {manifest.Bytes.Length}" });
        var result = new PushResult { Tag = reference.Tag, Digest = digest.ToString(), Size = manifest.Bytes.Length };
        progress.Report(new JsonMessage { ProgressDetail = new(), Aux = JsonSerializer.SerializeToElement(result, JsonMessageJson.Default.PushResult) });
    }

    private static async Task InSlotAsync(SemaphoreSlim slots, Func<Task> work, CancellationToken cancellation)
    {
        await slots.WaitAsync(cancellation);
        try { await work(); }
        finally { slots.Release(); }
    }

    /// <summary>An image that came from a registry goes out under the manifest it came with, so that its digest stays.</summary>
    private async Task<(byte[] Bytes, string MediaType)> ManifestForAsync(ImageRecord image, ImageReference reference, Descriptor config, Descriptor[] layers, CancellationToken cancellation)
    {
        foreach (var (_, digest) in _store.DigestsOf(image.Id))
        {
            if (!_content.Has(digest)) continue;
            var bytes = await _content.ReadAsync(digest, _options.Limits.MaxManifest, cancellation);
            if (ManifestDocuments.IsIndex(null, bytes)) continue;
            var known = ManifestDocuments.ParseManifest(bytes, null);
            if (known.Layers!.Select(layer => layer.Digest).SequenceEqual(layers.Select(layer => layer.Digest))) return (bytes, known.MediaType ?? MediaTypes.OciManifest);
        }
        bool oci = layers.Any(layer => layer.MediaType!.StartsWith("application/vnd.oci.", StringComparison.Ordinal));
        var manifest = new Manifest
        {
            SchemaVersion = 2,
            MediaType = oci ? MediaTypes.OciManifest : MediaTypes.DockerManifest,
            Config = oci ? config with { MediaType = MediaTypes.OciConfig } : config,
            Layers = [.. layers.Select(layer => layer with { MediaType = oci ? OciType(layer.MediaType!) : layer.MediaType })],
        };
        return (JsonSerializer.SerializeToUtf8Bytes(manifest, ImageJson.Default.Manifest), manifest.MediaType);
    }

    private static string OciType(string mediaType) => mediaType switch { MediaTypes.DockerLayerGzip => MediaTypes.OciLayerGzip, MediaTypes.DockerLayer => MediaTypes.OciLayer, _ => mediaType };

    private async Task<Descriptor> PushLayerAsync(RegistryClient client, ImageReference reference, Digest diffId, Digest chain, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var id = diffId.Hex[..12];
        foreach (var known in _store.LayerBlobs(diffId))
        {
            if (!await client.HasBlobAsync(known.Digest, cancellation)) continue;
            progress.Report(new JsonMessage { Status = "Layer already exists", ProgressDetail = new(), Id = id });
            return known;
        }
        var blob = await CompressedAsync(diffId, chain, cancellation);
        long last = 0;
        progress.Report(Progress("Pushing", 0, blob.Size, id));
        await client.UploadAsync(blob, () => _content.OpenRead(blob.Digest), offset =>
        {
            if (Environment.TickCount64 - last < ProgressEvery.TotalMilliseconds) return;
            last = Environment.TickCount64;
            progress.Report(Progress("Pushing", offset, blob.Size, id));
        }, cancellation);
        progress.Report(new JsonMessage { Status = "Pushed", ProgressDetail = new(), Id = id });
        return blob;
    }

    /// <summary>The compressed form of a layer: the one it came in, or made now and kept for the next push.</summary>
    private async Task<Descriptor> CompressedAsync(Digest diffId, Digest chain, CancellationToken cancellation)
    {
        if (_store.LayerBlobs(diffId).FirstOrDefault(blob => _content.Has(blob.Digest)) is { } there) return there;
        var pipe = new System.IO.Pipelines.Pipe();
        var writing = CompressAsync(chain, pipe.Writer, cancellation);
        var blob = await _content.WriteAsync(pipe.Reader.AsStream(), null, cancellation);
        await writing;
        blob.MediaType = MediaTypes.DockerLayerGzip;
        _store.AddLayerBlob(diffId, blob);
        return blob;
    }

    private async Task CompressAsync(Digest chain, System.IO.Pipelines.PipeWriter writer, CancellationToken cancellation)
    {
        try
        {
            await using (var gzip = new GZipStream(writer.AsStream(leaveOpen: true), CompressionLevel.Optimal))
                await _snapshots.WriteLayerTarAsync(chain, gzip, cancellation);
            await writer.CompleteAsync();
        }
        catch (Exception error)
        {
            await writer.CompleteAsync(error);
            throw;
        }
    }
}
