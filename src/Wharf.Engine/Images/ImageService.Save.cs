using System.Text;
using System.Text.Json;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Writing images as one archive that is a docker archive and an OCI layout at once; the same bytes for the same images.</summary>
public sealed partial class ImageService
{
    /// <summary>What a save would write, so that a name that is not there is told before the first byte.</summary>
    public Task<List<(ImageRecord Image, List<ImageReference> References)>> SelectAsync(IReadOnlyList<string> names, CancellationToken cancellation) => SelectAsync(names, [], cancellation);

    /// <summary>Saves images by name or ID; a repository without a tag means all its tags.</summary>
    public async Task SaveAsync(IReadOnlyList<(ImageRecord Image, List<ImageReference> References)> images, Stream output, CancellationToken cancellation)
    {
        using var lease = _leases.Take();
        foreach (var (record, _) in images)
        {
            lease.Add(record.Id);
            foreach (var chain in Chains(record.Config)) lease.Add(chain);
        }
        var tar = new TarWriter(output);
        var written = new HashSet<Digest>();
        var archive = new List<ArchiveManifest>();
        var index = new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = [] };
        var repositories = new SortedDictionary<string, SortedDictionary<string, string>>(StringComparer.Ordinal);
        await DirectoryAsync(tar, "blobs/", cancellation);
        await DirectoryAsync(tar, "blobs/sha256/", cancellation);
        foreach (var (record, references) in images)
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
            AddToIndex(index, references, digest, manifest.Length, record.Config);
            foreach (var reference in references)
            {
                if (!repositories.TryGetValue(reference.FamiliarRepository, out var tags)) repositories[reference.FamiliarRepository] = tags = new(StringComparer.Ordinal);
                tags[reference.Tag!] = layers.Count > 0 ? layers[^1].Digest.Hex : "";
            }
            Publish("save", record.Id, record.Id.ToString());
        }
        await FileAsync(tar, "index.json", JsonSerializer.SerializeToUtf8Bytes(index, ImageJson.Plain.ImageIndex), cancellation);
        await FileAsync(tar, "manifest.json", JsonSerializer.SerializeToUtf8Bytes(archive, JsonMessageJson.Plain.ListArchiveManifest), cancellation);
        await FileAsync(tar, "oci-layout", """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray(), cancellation);
        if (repositories.Count > 0)
            await FileAsync(tar, "repositories", JsonSerializer.SerializeToUtf8Bytes(repositories, JsonMessageJson.Plain.SortedDictionaryStringSortedDictionaryStringString), cancellation);
        await tar.FinishAsync(cancellation);
    }

    /// <summary>As <see cref="SelectAsync(IReadOnlyList{string}, CancellationToken)"/>, and docker's error where an image is for none of the platforms asked for.</summary>
    public async Task<List<(ImageRecord Image, List<ImageReference> References)>> SelectAsync(IReadOnlyList<string> names, IReadOnlyList<Platform> platforms, CancellationToken cancellation)
    {
        var selected = new List<(ImageRecord Image, List<ImageReference> References)>();
        async Task AddAsync(string nameOrId, ImageReference? reference)
        {
            var image = await GetAsync(nameOrId, null, cancellation);
            if (platforms.Count > 0 && !platforms.Any(platform => Platforms.Matches(image.Config, platform)))
                throw new WharfException(ErrorKind.Internal, $"no suitable export target found for platform {Platforms.Describe(platforms[0])}");
            int at = selected.FindIndex(entry => entry.Image.Id == image.Id);
            if (at < 0)
            {
                selected.Add((image, []));
                at = selected.Count - 1;
            }
            if (reference is not null && !selected[at].References.Contains(reference)) selected[at].References.Add(reference);
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
                if (tags.Count == 0) await AddAsync((Find(name) ?? throw WharfException.NotFound($"No such image: {name}")).ToString(), null);
                continue;
            }
            if (Find(name) is null) throw WharfException.NotFound("reference does not exist");
            await AddAsync(name, reference.Digest is null && reference.FamiliarRepository != "sha256" ? reference : null);
        }
        return selected;
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

    private static void AddToIndex(ImageIndex index, List<ImageReference> references, Digest digest, long size, OciImage config)
    {
        var platform = new Platform { Architecture = config.Architecture, Os = config.Os, Variant = config.Variant };
        if (references.Count == 0) index.Manifests!.Add(new Descriptor { MediaType = MediaTypes.OciManifest, Digest = digest, Size = size, Platform = platform });
        foreach (var reference in references)
        {
            index.Manifests!.Add(new Descriptor
            {
                MediaType = MediaTypes.OciManifest, Digest = digest, Size = size, Platform = platform,
                Annotations = new() { ["io.containerd.image.name"] = reference.Canonical, ["org.opencontainers.image.ref.name"] = reference.Tag! },
            });
        }
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
