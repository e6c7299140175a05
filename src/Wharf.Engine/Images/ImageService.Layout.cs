using Wharf.Engine.Archive;
using Wharf.Engine.Content;
using Wharf.Engine.Images.Registry;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Blobs for those who put images together elsewhere than in the store: a build's archives and pushes.</summary>
public sealed partial class ImageService
{
    /// <summary>How a layer is compressed in what goes out.</summary>
    public enum LayerCompression { Gzip, Uncompressed, Zstd }

    /// <summary>A layer as a blob of the store. The caller holds <see cref="HoldLayersAsync"/> until the blob is used.</summary>
    internal async Task<Descriptor> LayerBlobAsync(Digest diffId, Digest chain, LayerCompression compression, CancellationToken cancellation)
    {
        if (compression == LayerCompression.Gzip)
        {
            if (await RestoreAsync(diffId, chain, _store.LayerBlobs(diffId).Where(static blob => OciType(blob.MediaType!) == MediaTypes.OciLayerGzip), cancellation) is { } kept) return kept with { MediaType = MediaTypes.OciLayerGzip };
        }
        var blob = await Piped.RunAsync(output => WriteLayerAsync(chain, compression, output, cancellation), written => _content.WriteAsync(written, compression == LayerCompression.Uncompressed ? diffId : null, cancellation));
        if (compression == LayerCompression.Gzip) _store.AddLayerBlob(diffId, blob with { MediaType = MediaTypes.DockerLayerGzip });
        return blob with { MediaType = compression switch { LayerCompression.Gzip => MediaTypes.OciLayerGzip, LayerCompression.Zstd => MediaTypes.OciLayerZstd, _ => MediaTypes.OciLayer } };
    }

    private async Task WriteLayerAsync(Digest chain, LayerCompression compression, Stream output, CancellationToken cancellation)
    {
        await using var plain = compression switch { LayerCompression.Gzip => new ParallelGzipStream(output), LayerCompression.Zstd => new ZstdSharp.CompressionStream(output, leaveOpen: true), _ => output };
        await _snapshots.WriteLayerTarAsync(chain, plain, cancellation);
    }

    /// <summary>The size of a blob; null when it is not in the store.</summary>
    public long? BlobSize(Digest digest) => _content.Has(digest) ? _content.SizeOf(digest) : null;

    public Stream OpenBlob(Digest digest) => _content.OpenRead(digest);

    internal string BlobPath(Digest digest) => _content.PathOf(digest);

    internal Task<Digest> WriteBlobAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation) => _content.WriteAsync(bytes, cancellation);

    /// <summary>A connection to a repository, for who reads more of it than an image.</summary>
    internal RegistryClient OpenRegistry(ImageReference reference, AuthConfig? auth) => new(reference, auth, push: false, _options, _log);

    /// <summary>Unpacks a layer that comes as a blob, verified, on top of others. The caller holds <see cref="HoldLayersForStep"/>.</summary>
    internal async Task<LayerInfo> TakeLayerAsync(Digest? parent, Digest diffId, Descriptor blob, Stream content, CancellationToken cancellation)
    {
        var written = await _content.WriteAsync(content, blob.Digest, cancellation);
        if (written.Size != blob.Size) throw WharfException.Invalid($"blob {blob.Digest} has {written.Size} bytes, {blob.Size} were promised");
        LayerInfo layer;
        await using (var stored = _content.OpenRead(blob.Digest))
        await using (var tar = await Compression.OpenAsync(stored, _options.Limits.MaxDecompressionRatio, cancellation))
            layer = await _snapshots.ApplyAsync(parent, diffId, tar, cancellation);
        if (blob.MediaType is MediaTypes.OciLayerGzip or MediaTypes.DockerLayerGzip) _store.AddLayerBlob(diffId, blob);
        return layer;
    }

    /// <summary>Pushes blobs, and then manifests: those that others name by digest, the last one also by the reference's tag.</summary>
    internal async Task PushBlobsAsync(ImageReference reference, AuthConfig? auth, IReadOnlyList<Descriptor> blobs, IReadOnlyList<Descriptor> manifests, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        using var client = new RegistryClient(reference, auth, push: true, _options, _log);
        await client.ConnectForPushAsync([], cancellation);
        using var slots = new SemaphoreSlim(_options.MaxConcurrentUploads);
        await Task.WhenAll(blobs.DistinctBy(static blob => blob.Digest).Select(blob => PushBlobAsync(client, blob, slots, progress, cancellation)));
        foreach (var manifest in manifests)
        {
            var bytes = await _content.ReadAsync(manifest.Digest, _options.Limits.MaxManifest, cancellation);
            await client.PutManifestAsync(manifest == manifests[^1] ? reference.Tag ?? manifest.Digest.ToString() : manifest.Digest.ToString(), bytes, manifest.MediaType!, cancellation);
        }
    }

    private async Task PushBlobAsync(RegistryClient client, Descriptor blob, SemaphoreSlim slots, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var id = blob.Digest.Hex[..12];
        await slots.WaitAsync(cancellation);
        try
        {
            if (!await client.HasBlobAsync(blob.Digest, cancellation)) await client.UploadAsync(blob, _ => Task.FromResult(_content.OpenRead(blob.Digest)), Throttled(id, "Pushing", blob.Size, progress), cancellation);
            progress.Report(new JsonMessage { Status = "Pushed", Id = id });
        }
        finally { slots.Release(); }
    }

    /// <summary>Keeps the index that was made around an image of the store, with its attestations, under a name: a push sends it whole. The caller holds what the layout is of.</summary>
    internal void KeepIndex(ImageReference name, Build.Exporting.ImageLayout layout)
    {
        if (layout.Entries is not [{ Attestations: [var attestation, ..] } only]) return;
        var index = layout.Root.Digest;
        _store.AddManifest(only.Config.Digest, only.Manifest.Digest);
        _store.AddManifest(only.Config.Digest, index);
        var own = only.Layers.Append(only.Config).Select(static blob => blob.Digest).ToHashSet();
        foreach (var blob in layout.Blobs.Append(attestation))
            if (!own.Contains(blob.Digest)) _store.AddIndexBlob(index, blob.Digest);
        _store.SetName(name, only.Config.Digest, index);
    }

    /// <summary>Notes by which digest a repository's registry knows an image.</summary>
    internal void AddRepositoryDigest(ImageReference reference, Digest manifest, Digest image) => _store.AddDigest(reference.Repository, manifest, image);
}
