using System.Text.Json;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>A manifest of an image with every blob it names in the content store.</summary>
public sealed record ServedImage(byte[] Manifest, string MediaType, Digest Digest, IReadOnlyList<Digest> Blobs);

/// <summary>For a registry inside the daemon: images as manifests and blobs, and back.</summary>
public sealed partial class ImageService
{
    /// <summary>Every name of an image, with its tag.</summary>
    public IReadOnlyList<ImageReference> Names() => _store.AllNames();

    /// <summary>The image a name points at; null for none.</summary>
    public Digest? IdOf(ImageReference name) => _store.ByName(name.Canonical);

    /// <summary>The image a manifest of the name's repository belongs to; null for none.</summary>
    public Digest? IdOf(ImageReference name, Digest manifest) => _store.ByDigest(name.Repository, manifest);

    /// <summary>What a name is served as depends on this: another text, and it has to be served anew. Null for no name.</summary>
    public string? FormOf(ImageReference name) => _store.ByName(name.Canonical) is { } id ? $"{id} {_store.IndexOf(name)} {string.Join(',', _store.PlatformsOf(name))}" : null;

    /// <summary>
    /// The manifests an image would be pushed under; the last is what the name means, those before it are what an index names. Layers not yet in a compressed
    /// form get one, which is kept. <paramref name="link"/> is called for each blob while none can be collected: it gives them a name that lasts.
    /// </summary>
    public async Task<IReadOnlyList<ServedImage>> ServeAsync(ImageReference name, Action<Digest> link, CancellationToken cancellation)
    {
        var image = await GetAsync(name.Familiar, null, cancellation);
        MarkUsed(image.Id);
        using var lease = _leases.Take();
        if (_store.IndexOf(name) is { } index && _content.Has(index) && await ServeIndexAsync(name, image, index, link, lease, cancellation) is { } whole) return whole;
        return [await ServeOneAsync(image, null, link, lease, cancellation)];
    }

    /// <summary>
    /// The index a name came with, when all it names is here; else one of what is here, when that are several images. Null when it is one, which is served alone, as a
    /// push sends it.
    /// </summary>
    private async Task<List<ServedImage>?> ServeIndexAsync(ImageReference name, ImageRecord image, Digest digest, Action<Digest> link, Leases.Lease lease, CancellationToken cancellation)
    {
        lease.Add(digest);
        var bytes = await _content.ReadAsync(digest, _options.Limits.MaxManifest, cancellation);
        var index = ManifestDocuments.ParseIndex(bytes, null);
        var here = new List<ImageRecord> { image };
        foreach (var other in _store.PlatformsOf(name)) here.Add(await RecordAsync(other, cancellation));
        var served = new List<ServedImage>();
        var entries = new List<Descriptor>();
        foreach (var entry in index.Manifests ?? [])
        {
            if (here.Find(one => _store.ManifestsOf(one.Id).Contains(entry.Digest)) is { } found)
            {
                var one = await ServeOneAsync(found, entry.Digest, link, lease, cancellation);
                served.Add(one);
                entries.Add(one.Digest == entry.Digest ? entry : entry with { MediaType = one.MediaType, Digest = one.Digest, Size = one.Manifest.Length });
            }
            else if (IsAttestation(entry) && await ServeAttestationAsync(entry, link, lease, cancellation) is { } attestation)
            {
                served.Add(attestation);
                entries.Add(entry);
            }
        }
        if (entries.SequenceEqual(index.Manifests ?? [], ReferenceEqualityComparer.Instance)) return [.. served, new ServedImage(bytes, index.MediaType ?? MediaTypes.OciIndex, digest, [])];
        // What was attested of other bytes is not of these.
        var manifests = entries.Select(static entry => entry.Digest.ToString()).ToHashSet();
        entries.RemoveAll(entry => IsAttestation(entry) && !manifests.Contains(entry.Annotations?.GetValueOrDefault(AttestationOf) ?? ""));
        if (entries.Count(static entry => !IsAttestation(entry)) < 2) return null;
        var part = JsonSerializer.SerializeToUtf8Bytes(index with { Manifests = entries }, ImageJson.Plain.ImageIndex);
        return [.. served, new ServedImage(part, index.MediaType ?? MediaTypes.OciIndex, Digest.OfBytes(part), [])];
    }

    private async Task<ServedImage?> ServeAttestationAsync(Descriptor entry, Action<Digest> link, Leases.Lease lease, CancellationToken cancellation)
    {
        lease.Add(entry.Digest);
        if (!_content.Has(entry.Digest)) return null;
        var (manifest, bytes) = await ReadManifestAsync(entry.Digest, cancellation);
        var blobs = manifest.Layers!.Prepend(manifest.Config!).Select(static blob => blob.Digest).Distinct().ToList();
        foreach (var blob in blobs) lease.Add(blob);
        if (!blobs.TrueForAll(_content.Has)) return null;
        foreach (var blob in blobs) link(blob);
        return new ServedImage(bytes, entry.MediaType ?? manifest.MediaType ?? MediaTypes.OciManifest, entry.Digest, blobs);
    }

    private async Task<ServedImage> ServeOneAsync(ImageRecord image, Digest? known, Action<Digest> link, Leases.Lease lease, CancellationToken cancellation)
    {
        lease.Add(image.Id);
        var layers = new List<Descriptor>();
        Digest? chain = null;
        foreach (var diffId in image.Config.RootFs?.DiffIds ?? [])
        {
            chain = ChainId.Of(chain, diffId);
            lease.Add(chain.Value);
            layers.Add(await CompressedAsync(diffId, chain.Value, lease, cancellation));
        }
        var config = new Descriptor { MediaType = MediaTypes.DockerConfig, Digest = image.Id, Size = _content.SizeOf(image.Id) };
        var (bytes, mediaType) = ManifestFor(await KnownManifestsAsync(image, cancellation), config, [.. layers], known);
        var blobs = layers.Select(layer => layer.Digest).Append(image.Id).Distinct().ToList();
        foreach (var blob in blobs) link(blob);
        WantRecipes();
        return new ServedImage(bytes, mediaType, Digest.OfBytes(bytes), blobs);
    }

    /// <summary>The compressed form of a layer in the content store: the one it came in, where it was kept, or made now.</summary>
    private async Task<Descriptor> CompressedAsync(Digest diffId, Digest chain, Leases.Lease lease, CancellationToken cancellation)
    {
        var known = _store.LayerBlobs(diffId);
        foreach (var one in known) lease.Add(one.Digest);
        if (await RestoreAsync(diffId, chain, known, cancellation) is { } there) return there;
        var blob = await Piped.RunAsync(output => WriteLayerAsync(chain, LayerCompression.Gzip, output, cancellation), compressed => _content.WriteAsync(compressed, null, cancellation));
        blob.MediaType = MediaTypes.DockerLayerGzip;
        lease.Add(blob.Digest);
        _store.AddLayerBlob(diffId, blob);
        return blob;
    }

    /// <summary>Gives a blob of the content store another name on its file system.</summary>
    public void LinkBlobTo(Digest digest, string path) => _content.LinkTo(digest, path);

    /// <summary>
    /// Makes an image of a manifest whose blobs lie as verified files on the content store's file system, and names it. False for what is no
    /// image for this machine: an artifact, another platform's.
    /// </summary>
    public async Task<bool> AdoptAsync(ImageReference name, byte[] manifestBytes, string mediaType, Func<Digest, string> pathOf, CancellationToken cancellation)
    {
        var (bytes, type) = (manifestBytes, (string?)mediaType);
        if (ManifestDocuments.IsIndex(type, bytes))
        {
            if (Platforms.Choose(ManifestDocuments.ParseIndex(bytes, type).Manifests ?? [], Platforms.Host) is not { } chosen || !File.Exists(pathOf(chosen.Digest))) return false;
            (bytes, type) = (await File.ReadAllBytesAsync(pathOf(chosen.Digest), cancellation), null);
            if (ManifestDocuments.IsIndex(type, bytes)) return false;
        }
        var manifest = ManifestDocuments.ParseManifest(bytes, type);
        if (manifest.Config!.MediaType is not (MediaTypes.OciConfig or MediaTypes.DockerConfig)) return false;
        if (manifest.Layers!.Count > _options.Limits.MaxLayers) throw WharfException.Invalid($"the image has {manifest.Layers.Count} layers; at most {_options.Limits.MaxLayers} are supported");
        if (new FileInfo(pathOf(manifest.Config.Digest)).Length > _options.Limits.MaxImageConfig) throw WharfException.Invalid($"the image configuration is larger than {_options.Limits.MaxImageConfig} bytes");
        var config = await File.ReadAllBytesAsync(pathOf(manifest.Config.Digest), cancellation);
        var image = ParseConfig(config);
        var diffIds = image.RootFs?.DiffIds ?? [];
        if (diffIds.Count != manifest.Layers.Count) throw WharfException.Invalid($"the manifest has {manifest.Layers.Count} layers, the configuration {diffIds.Count}");
        using var lease = _leases.Take();
        foreach (var known in Chains(image)) lease.Add(known);
        foreach (var layer in manifest.Layers) CheckSize(layer);
        await UnpackAllAsync(diffIds, (place, stop) => UnpackFileAsync(place, pathOf(manifest.Layers[place.Index].Digest), manifest.Layers[place.Index].Digest, static stream => stream, stop), cancellation);
        for (int i = 0; i < diffIds.Count; i++)
        {
            if (_options.LayerBlobs == LayerBlobs.Keep) _content.Link(pathOf(manifest.Layers[i].Digest), manifest.Layers[i].Digest);
            _store.AddLayerBlob(diffIds[i], new Descriptor { Digest = manifest.Layers[i].Digest, Size = manifest.Layers[i].Size, MediaType = manifest.Layers[i].MediaType ?? MediaTypes.OciLayerGzip });
        }
        var record = await StoreConfigAsync(config, lease, cancellation);
        await KeepManifestsAsync(record.Id, lease, [manifestBytes, bytes], cancellation);
        _store.AddDigest(name.Repository, Digest.OfBytes(manifestBytes), record.Id);
        _store.SetName(name, record.Id);
        Publish("load", record.Id, name.Familiar, name.FamiliarRepository);
        return true;
    }
}
