using System.Text.Json;
using Wharf.Engine.Build.Caching;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>A cache ready to go out: its layers and document, and the manifests that name them, the last of which names the whole.</summary>
public sealed record CacheLayout(IReadOnlyList<Descriptor> Blobs, IReadOnlyList<Descriptor> Manifests, int Steps)
{
    public Descriptor Root => Manifests[^1];
    /// <summary>Says which layer is which step's result.</summary>
    public Descriptor Document => Blobs[^1];
    public IEnumerable<Descriptor> Layers => Blobs.SkipLast(1);
}

/// <summary>How a cache goes out.</summary>
public sealed record CacheExportOptions
{
    /// <summary>Also steps that gave no layer of the result.</summary>
    public bool All { get; init; }
    public ImageService.LayerCompression Compression { get; init; }
    /// <summary>A manifest as of an image, not an index that lists layers: what every registry takes.</summary>
    public bool AsImage { get; init; } = true;
}

/// <summary>The results of a build's steps for another daemon.</summary>
public sealed partial class BuildService
{
    /// <summary>Puts the steps of some builds together as a cache. The caller holds <see cref="HoldAsync"/>.</summary>
    public async Task<CacheLayout> ExportCacheAsync(IReadOnlyList<SolvedTarget> targets, CacheExportOptions options, CancellationToken cancellation)
    {
        var steps = new Dictionary<string, CachedLayer>(StringComparer.Ordinal);
        foreach (var target in targets)
        {
            foreach (var node in target.Plan.Nodes)
            {
                if (node is BaseNode || node.Progress.Completed is not { IsCompletedSuccessfully: true } completed) continue;
                var result = await completed;
                if (result.Key is not { } key || result.Empty || result.DiffIds.Count == 0 || steps.ContainsKey(key) || !(options.All || IsPartOf(result, target.Root))) continue;
                var blob = await _images.LayerBlobAsync(result.DiffIds[^1], result.ChainId!.Value, options.Compression, cancellation);
                steps[key] = new CachedLayer(key, result.DiffIds[^1], blob, result.CreatedAt ?? DateTimeOffset.UtcNow);
            }
        }
        return await CacheLayoutAsync([.. steps.Values], options, cancellation);
    }

    private static bool IsPartOf(NodeResult result, NodeResult whole) => result.DiffIds.Count <= whole.DiffIds.Count && result.DiffIds.SequenceEqual(whole.DiffIds.Take(result.DiffIds.Count));

    private async Task<CacheLayout> CacheLayoutAsync(List<CachedLayer> steps, CacheExportOptions options, CancellationToken cancellation)
    {
        var document = CacheDocument.Write(steps);
        var config = new Descriptor { MediaType = CacheDocument.MediaType, Digest = await _images.WriteBlobAsync(document, cancellation), Size = document.Length };
        var layers = steps.Select(static step => step.Blob).DistinctBy(static blob => blob.Digest).ToList();
        byte[] bytes = options.AsImage
            ? JsonSerializer.SerializeToUtf8Bytes(new Manifest { SchemaVersion = 2, MediaType = MediaTypes.OciManifest, Config = config, Layers = layers }, ImageJson.Plain.Manifest)
            : JsonSerializer.SerializeToUtf8Bytes(new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = [.. layers, config] }, ImageJson.Plain.ImageIndex);
        var manifest = new Descriptor { MediaType = options.AsImage ? MediaTypes.OciManifest : MediaTypes.OciIndex, Digest = await _images.WriteBlobAsync(bytes, cancellation), Size = bytes.Length };
        return new CacheLayout([.. layers, config], [manifest], steps.Count);
    }

    /// <summary>Pushes a cache to a registry.</summary>
    public Task PushCacheAsync(CacheLayout cache, string name, AuthConfig? auth, IProgress<JsonMessage> progress, CancellationToken cancellation) =>
        _images.PushBlobsAsync(ImageReference.Parse(name).WithDefaultTag(), auth, cache.Blobs, cache.Manifests, progress, cancellation);

    /// <summary>The file of a blob of the store.</summary>
    public string BlobPath(Digest digest) => _images.BlobPath(digest);

    /// <summary>Opens a blob of the store.</summary>
    public Stream OpenBlob(Digest digest) => _images.OpenBlob(digest);
}
