using System.Text;
using System.Text.Json;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>An image to save under names, with those of its other platforms.</summary>
public sealed record SavedImage(ImageRecord Image, List<ImageReference> References, List<ImageRecord> Others)
{
    public IEnumerable<ImageRecord> All => Others.Prepend(Image);
}

/// <summary>Writing images as one archive that is a docker archive and an OCI layout at once; the same bytes for the same images.</summary>
public sealed partial class ImageService
{
    /// <summary>Saves what <see cref="SelectAsync"/> gave.</summary>
    public async Task SaveAsync(IReadOnlyList<SavedImage> images, Stream output, CancellationToken cancellation)
    {
        using var lease = _leases.Take();
        foreach (var record in images.SelectMany(static image => image.All))
        {
            lease.Add(record.Id);
            MarkUsed(record.Id);
            foreach (var chain in Chains(record.Config)) lease.Add(chain);
        }
        var tar = new TarWriter(output);
        var written = new HashSet<Digest>();
        var archive = new List<ArchiveManifest>();
        var index = new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = [] };
        var repositories = new SortedDictionary<string, SortedDictionary<string, string>>(StringComparer.Ordinal);
        await DirectoryAsync(tar, "blobs/", cancellation);
        await DirectoryAsync(tar, "blobs/sha256/", cancellation);
        foreach (var image in images)
        {
            var manifests = new List<Descriptor>();
            foreach (var record in image.All) manifests.Add(await SaveOneAsync(tar, record, image.Image == record ? image.References : [], written, archive, repositories, cancellation));
            AddToIndex(index, image.References, manifests.Count == 1 ? manifests[0] : await SaveIndexAsync(tar, manifests, written, cancellation));
        }
        await FileAsync(tar, "index.json", JsonSerializer.SerializeToUtf8Bytes(index, ImageJson.Plain.ImageIndex), cancellation);
        await FileAsync(tar, "manifest.json", JsonSerializer.SerializeToUtf8Bytes(archive, JsonMessageJson.Plain.ListArchiveManifest), cancellation);
        await FileAsync(tar, "oci-layout", """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray(), cancellation);
        if (repositories.Count > 0)
            await FileAsync(tar, "repositories", JsonSerializer.SerializeToUtf8Bytes(repositories, JsonMessageJson.Plain.SortedDictionaryStringSortedDictionaryStringString), cancellation);
        await tar.FinishAsync(cancellation);
    }

    private async Task<Descriptor> SaveOneAsync(TarWriter tar, ImageRecord record, List<ImageReference> references, HashSet<Digest> written, List<ArchiveManifest> archive,
        SortedDictionary<string, SortedDictionary<string, string>> repositories, CancellationToken cancellation)
    {
        var layers = await SaveLayersAsync(tar, record, written, cancellation);
        var config = await _content.ReadAsync(record.Id, _options.Limits.MaxImageConfig, cancellation);
        await BlobAsync(tar, record.Id, config, written, cancellation);
        var manifest = JsonSerializer.SerializeToUtf8Bytes(new Manifest
        {
            SchemaVersion = 2, MediaType = MediaTypes.OciManifest, Layers = layers,
            Config = new Descriptor { MediaType = MediaTypes.OciConfig, Digest = record.Id, Size = config.Length },
        }, ImageJson.Plain.Manifest);
        var digest = Digest.OfBytes(manifest);
        await BlobAsync(tar, digest, manifest, written, cancellation);
        archive.Add(Archived(record, references, layers));
        foreach (var reference in references)
        {
            if (!repositories.TryGetValue(reference.FamiliarRepository, out var tags)) repositories[reference.FamiliarRepository] = tags = new(StringComparer.Ordinal);
            tags[reference.Tag!] = layers.Count > 0 ? layers[^1].Digest.Hex : "";
        }
        Publish("save", record.Id, record.Id.ToString());
        return new Descriptor { MediaType = MediaTypes.OciManifest, Digest = digest, Size = manifest.Length, Platform = new Platform { Architecture = record.Config.Architecture, Os = record.Config.Os, Variant = record.Config.Variant } };
    }

    private static async Task<Descriptor> SaveIndexAsync(TarWriter tar, List<Descriptor> manifests, HashSet<Digest> written, CancellationToken cancellation)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = manifests }, ImageJson.Plain.ImageIndex);
        var digest = Digest.OfBytes(bytes);
        await BlobAsync(tar, digest, bytes, written, cancellation);
        return new Descriptor { MediaType = MediaTypes.OciIndex, Digest = digest, Size = bytes.Length };
    }

    /// <summary>
    /// What a save would write, so that what is not there is told before the first byte. Names are names, IDs, or repositories, which mean all their tags; a name
    /// of several platforms means all of them or, with <paramref name="platforms"/>, those.
    /// </summary>
    public async Task<List<SavedImage>> SelectAsync(IReadOnlyList<string> names, IReadOnlyList<Platform> platforms, CancellationToken cancellation)
    {
        var selected = new List<SavedImage>();
        async Task AddAsync(string nameOrId, ImageReference? reference)
        {
            var images = await PlatformImagesAsync(nameOrId, platforms, cancellation);
            var entry = selected.Find(entry => entry.Image.Id == images[0].Id);
            if (entry is null) selected.Add(entry = new SavedImage(images[0], [], []));
            foreach (var other in images.Skip(1)) if (!entry.Others.Exists(known => known.Id == other.Id)) entry.Others.Add(other);
            if (reference is not null && !entry.References.Contains(reference)) entry.References.Add(reference);
        }
        foreach (var name in names)
        {
            if (Digest.TryParse(name, out _) || (name.Length == 64 && Find(name) is not null))
            {
                await AddAsync(name, null);
                continue;
            }
            var reference = ImageReference.Parse(name);
            if (reference.Tag is null && reference.Digest is null)
            {
                var tags = _store.NamesIn(reference.Repository);
                foreach (var tag in tags) await AddAsync(tag.Familiar, tag);
                if (tags.Count == 0 && Find(name) is null && IsAmbiguous(name)) throw new WharfException(ErrorKind.Internal, "ambiguous digest string");
                if (tags.Count == 0) await AddAsync((Find(name) ?? throw WharfException.NotFound($"No such image: {name}")).ToString(), null);
                continue;
            }
            if (Find(name) is null) throw WharfException.NotFound("reference does not exist");
            await AddAsync(name, reference.Digest is null && reference.FamiliarRepository != "sha256" ? reference : null);
        }
        return selected;
    }

    private async Task<List<ImageRecord>> PlatformImagesAsync(string nameOrId, IReadOnlyList<Platform> platforms, CancellationToken cancellation)
    {
        var first = await GetAsync(nameOrId, null, cancellation);
        var images = new List<ImageRecord>();
        if (platforms.Count == 0)
        {
            foreach (var id in Candidates(nameOrId, first.Id)) images.Add(await RecordAsync(id, cancellation));
            return images;
        }
        foreach (var platform in platforms)
        {
            ImageRecord found;
            try { found = await ForPlatformAsync(nameOrId, first.Id, platform, cancellation); }
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { throw new WharfException(ErrorKind.Internal, $"no suitable export target found for platform {Platforms.Describe(platform)}", error); }
            if (!images.Exists(known => known.Id == found.Id)) images.Add(found);
        }
        return images;
    }

    private async Task<List<Descriptor>> SaveLayersAsync(TarWriter tar, ImageRecord record, HashSet<Digest> written, CancellationToken cancellation)
    {
        var layers = new List<Descriptor>();
        Digest? chain = null;
        foreach (var diffId in record.Config.RootFs?.DiffIds ?? [])
        {
            chain = ChainId.Of(chain, diffId);
            long size = await _snapshots.TarSizeAsync(chain.Value, cancellation);
            layers.Add(new Descriptor { MediaType = MediaTypes.OciLayer, Digest = diffId, Size = size });
            if (!written.Add(diffId)) continue;
            await tar.WriteEntryAsync(Entry(BlobName(diffId), size), cancellation);
            await _snapshots.WriteLayerTarAsync(chain.Value, tar.OpenData(), cancellation);
        }
        return layers;
    }

    private static string BlobName(Digest digest) => ArchiveMembers.NameOf(digest);

    private static ArchiveManifest Archived(ImageRecord record, List<ImageReference> references, List<Descriptor> layers) => new()
    {
        Config = BlobName(record.Id),
        RepoTags = references.Count > 0 ? [.. references.Select(reference => reference.Familiar)] : null,
        Layers = [.. layers.Select(layer => BlobName(layer.Digest))],
        LayerSources = layers.DistinctBy(layer => layer.Digest).ToDictionary(layer => layer.Digest.ToString()),
    };

    private static void AddToIndex(ImageIndex index, List<ImageReference> references, Descriptor manifest)
    {
        if (references.Count == 0) index.Manifests!.Add(manifest);
        foreach (var reference in references)
            index.Manifests!.Add(manifest with { Annotations = new() { ["io.containerd.image.name"] = reference.Canonical, ["org.opencontainers.image.ref.name"] = reference.Tag! } });
    }

    private static async Task BlobAsync(TarWriter tar, Digest digest, byte[] bytes, HashSet<Digest> written, CancellationToken cancellation)
    {
        if (written.Add(digest)) await FileAsync(tar, BlobName(digest), bytes, cancellation);
    }

    private static async Task FileAsync(TarWriter tar, string name, byte[] bytes, CancellationToken cancellation) => await tar.WriteFileAsync(Entry(name, bytes.Length), bytes, cancellation);

    private static async Task DirectoryAsync(TarWriter tar, string name, CancellationToken cancellation) =>
        await tar.WriteEntryAsync(new TarEntry { Type = TarType.Directory, Name = Encoding.ASCII.GetBytes(name), Mode = 0x1ed }, cancellation);

    // No times and no owners: the same images give the same bytes.
    private static TarEntry Entry(string name, long size) => new() { Type = TarType.File, Name = Encoding.ASCII.GetBytes(name), Mode = 0x1a4, Size = size };
}
