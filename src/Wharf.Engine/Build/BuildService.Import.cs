using System.Text.Json;
using Wharf.Engine.Build.Caching;
using Wharf.Engine.Content;
using Wharf.Engine.Images;
using Wharf.Engine.Images.Registry;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>Cached steps from elsewhere: a registry, an image, or a directory of the client.</summary>
public sealed partial class BuildService
{
    /// <summary>
    /// Takes the steps that a reference names into a build: those of an image that is here, else those in its registry, which may be an image with its
    /// steps in it or a cache by itself. Layers are fetched when they are needed. Gives how many steps there were.
    /// </summary>
    public async Task<int> ImportCacheAsync(string name, BuildRequest request, CancellationToken cancellation)
    {
        try
        {
            int here = Take(await _images.GetAsync(name, null, cancellation), name, request);
            if (here > 0) return here;
        }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound)
        {
            // Not here: the registry is asked.
        }
        var reference = ImageReference.Parse(name).WithDefaultTag();
        var client = _images.OpenRegistry(reference, await request.Credentials(reference.Domain, cancellation));
        var source = new RegistryCache(name, client);
        request.Hold.Own(source);
        var top = await client.ManifestAsync(reference.Digest?.ToString() ?? reference.Tag!, cancellation);
        if (!ManifestDocuments.IsIndex(top.MediaType, top.Bytes)) return await TakeManifestAsync(ManifestDocuments.ParseManifest(top.Bytes, top.MediaType), source, client, request, cancellation);
        var entries = ManifestDocuments.ParseIndex(top.Bytes, top.MediaType).Manifests ?? [];
        // The older form of a cache: an index that lists its layers and its document.
        if (entries.Find(static entry => entry.MediaType == CacheDocument.MediaType) is { } document) return Take(await client.BlobAsync(document, _options.Limits.MaxManifest, cancellation), source, request);
        int taken = 0;
        foreach (var entry in entries)
        {
            if (entry.Platform is null || !Platforms.Matches(entry.Platform, request.Platform ?? Platforms.Host)) continue;
            var chosen = await client.ManifestAsync(entry.Digest.ToString(), cancellation);
            taken += await TakeManifestAsync(ManifestDocuments.ParseManifest(chosen.Bytes, chosen.MediaType), source, client, request, cancellation);
        }
        return taken;
    }

    private async Task<int> TakeManifestAsync(Manifest manifest, RegistryCache source, RegistryClient client, BuildRequest request, CancellationToken cancellation)
    {
        var config = manifest.Config ?? throw WharfException.Invalid($"{source.Name} has no configuration");
        var bytes = await client.BlobAsync(config, _options.Limits.MaxManifest, cancellation);
        if (config.MediaType == CacheDocument.MediaType) return Take(bytes, source, request);
        if (config.MediaType is not (MediaTypes.OciConfig or MediaTypes.DockerConfig)) throw WharfException.Invalid($"{source.Name} holds no cache: its configuration is of type {config.MediaType}");
        var image = ImageService.ParseConfig(bytes);
        var diffIds = image.RootFs?.DiffIds ?? [];
        if (manifest.Layers is not { } layers || layers.Count != diffIds.Count) return 0;
        return InlineSteps(image, (key, count) => request.Imported[key] = new ImportedStep(diffIds[count - 1], layers[count - 1], source, source.Name, DateTimeOffset.UtcNow));
    }

    /// <summary>Takes the steps that a cache's document names.</summary>
    private static int Take(byte[] document, ICacheSource source, BuildRequest request)
    {
        var steps = CacheDocument.Read(document);
        foreach (var step in steps) request.Imported[step.Key] = new ImportedStep(step.DiffId, step.Blob, source, source.Name, step.CreatedAt);
        return steps.Count;
    }

    /// <summary>Takes the steps that a cache's document names, if there is one; the source has their layers and is the build's from here on. Gives how many there were.</summary>
    public async Task<int> ImportCacheAsync(ICacheSource source, Func<CancellationToken, Task<byte[]?>> read, BuildRequest request, CancellationToken cancellation)
    {
        request.Hold.Own(source);
        return await read(cancellation) is { } document ? Take(document, source, request) : 0;
    }

    /// <summary>Takes the steps of a cache whose manifest is among a source's blobs. The source is the build's from here on. Gives how many there were.</summary>
    public async Task<int> ImportCacheAsync(ICacheSource source, Digest manifest, BuildRequest request, CancellationToken cancellation)
    {
        request.Hold.Own(source);
        var bytes = await ReadAsync(source, manifest, cancellation);
        var document = ManifestDocuments.IsIndex(null, bytes) ? ManifestDocuments.ParseIndex(bytes, null).Manifests?.Find(static entry => entry.MediaType == CacheDocument.MediaType) : ManifestDocuments.ParseManifest(bytes, null).Config;
        if (document is not { MediaType: CacheDocument.MediaType }) throw WharfException.Invalid($"{source.Name} holds no cache: {manifest} names no steps");
        return Take(await ReadAsync(source, document.Digest, cancellation), source, request);
    }

    /// <summary>Takes an image out of blobs that lie elsewhere into the store, without a name. Gives its ID; the hold keeps its layers.</summary>
    public async Task<Digest> TakeImageAsync(ICacheSource source, Digest manifest, Platform? platform, BuildHold hold, CancellationToken cancellation)
    {
        var bytes = await ReadAsync(source, manifest, cancellation);
        if (ManifestDocuments.IsIndex(null, bytes))
        {
            var wanted = platform ?? Platforms.Host;
            var entry = Platforms.Choose(ManifestDocuments.ParseIndex(bytes, null).Manifests ?? [], wanted) ?? throw WharfException.NotFound($"no matching manifest for {Platforms.Describe(wanted)} in {source.Name}");
            bytes = await ReadAsync(source, entry.Digest, cancellation);
        }
        var parsed = ManifestDocuments.ParseManifest(bytes, null);
        if (parsed.Config is not { MediaType: MediaTypes.OciConfig or MediaTypes.DockerConfig } config) throw WharfException.Invalid($"{source.Name}: {manifest} is no image");
        var document = await ReadAsync(source, config.Digest, cancellation);
        var diffIds = ImageService.ParseConfig(document).RootFs?.DiffIds ?? [];
        var layers = parsed.Layers ?? [];
        if (diffIds.Count != layers.Count || layers.Count > _options.Limits.MaxLayers) throw WharfException.Invalid($"the manifest has {layers.Count} layers, the configuration {diffIds.Count}");
        Digest? chain = null;
        using var held = _images.HoldLayersForStep();
        for (int i = 0; i < layers.Count; i++)
        {
            var parent = chain;
            chain = ChainId.Of(parent, diffIds[i]);
            hold.Add(chain);
            if (_snapshots.Exists(chain.Value)) continue;
            await using var content = await source.OpenAsync(layers[i].Digest, cancellation);
            await _images.TakeLayerAsync(parent, diffIds[i], layers[i], content, cancellation);
        }
        return (await _images.StoreConfigAsync(document, cancellation)).Id;
    }

    private async Task<byte[]> ReadAsync(ICacheSource source, Digest blob, CancellationToken cancellation)
    {
        await using var stream = await source.OpenAsync(blob, cancellation);
        var read = await stream.ReadWholeAsync(_options.Limits.MaxManifest, () => WharfException.Invalid($"{source.Name}: {blob} is larger than {_options.Limits.MaxManifest} bytes"), cancellation);
        return Digest.OfBytes(read) == blob ? read : throw WharfException.Invalid($"{source.Name}: the bytes of {blob} are not its own");
    }

    /// <summary>The steps that an image of the store has in it; its layers are kept for the build.</summary>
    private int Take(ImageRecord image, string name, BuildRequest request)
    {
        request.Hold.Add(image.ChainId);
        var diffIds = image.Config.RootFs?.DiffIds ?? [];
        return InlineSteps(image.Config, (key, count) =>
        {
            if (_snapshots.Exists(ChainId.Of(ChainId.Of(diffIds.Take(count - 1)), diffIds[count - 1]))) request.Imported[key] = new ImportedStep(diffIds[count - 1], null, null, name, DateTimeOffset.UtcNow);
        });
    }

    /// <summary>Tells each step that an image's configuration names, and how many layers there are with its own. Gives how many were told.</summary>
    private static int InlineSteps(OciImage image, Action<string, int> tell)
    {
        if (image.Unknown?.GetValueOrDefault(InlineMember) is not { ValueKind: JsonValueKind.Array } steps) return 0;
        int most = image.RootFs?.DiffIds.Count ?? 0, taken = 0;
        foreach (var step in steps.EnumerateArray())
        {
            if (step.ValueKind != JsonValueKind.Object || !step.TryGetProperty("key", out var key) || key.ValueKind != JsonValueKind.String || !step.TryGetProperty("layers", out var layers) || !layers.TryGetInt32(out int count)) continue;
            if (key.GetString() is not { Length: KeyLength } text || count < 1 || count > most) continue;
            tell(text, count);
            taken++;
        }
        return taken;
    }
}
