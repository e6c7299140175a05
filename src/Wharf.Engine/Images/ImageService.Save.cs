using System.Formats.Tar;
using System.Text.Json;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Writing images as one archive that is a docker archive and an OCI layout at once; the same bytes for the same images.</summary>
public sealed partial class ImageService
{
    /// <summary>Saves images by name or ID; a repository without a tag means all its tags.</summary>
    public async Task SaveAsync(IReadOnlyList<string> names, Stream output, CancellationToken cancellation)
    {
        var images = await SelectAsync(names, cancellation);
        await using var tar = new TarWriter(output, TarEntryFormat.Gnu, leaveOpen: true);
        var written = new HashSet<Digest>();
        var archive = new List<ArchiveManifest>();
        var index = new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = [] };
        var repositories = new SortedDictionary<string, Dictionary<string, string>>(StringComparer.Ordinal);
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
            }, ImageJson.Default.Manifest);
            var digest = Digest.OfBytes(manifest);
            await BlobAsync(tar, digest, manifest, written, cancellation);
            archive.Add(Archived(record, references, layers));
            AddToIndex(index, references, digest, manifest.Length, record.Config);
            foreach (var reference in references)
            {
                if (!repositories.TryGetValue(reference.FamiliarRepository, out var tags)) repositories[reference.FamiliarRepository] = tags = [];
                tags[reference.Tag!] = layers.Count > 0 ? layers[^1].Digest.Hex : "";
            }
            Publish("save", record.Id, record.Id.ToString());
        }
        await FileAsync(tar, "index.json", JsonSerializer.SerializeToUtf8Bytes(index, ImageJson.Default.ImageIndex), cancellation);
        await FileAsync(tar, "manifest.json", JsonSerializer.SerializeToUtf8Bytes(archive, JsonMessageJson.Default.ListArchiveManifest), cancellation);
        await FileAsync(tar, "oci-layout", """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray(), cancellation);
        if (repositories.Count > 0)
            await FileAsync(tar, "repositories", JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, Dictionary<string, string>>(repositories), JsonMessageJson.Default.DictionaryStringDictionaryStringString), cancellation);
    }

    private async Task<List<(ImageRecord Image, List<ImageReference> References)>> SelectAsync(IReadOnlyList<string> names, CancellationToken cancellation)
    {
        var selected = new List<(ImageRecord Image, List<ImageReference> References)>();
        void Add(ImageRecord image, ImageReference? reference)
        {
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
            bool isReference = ImageReference.TryParse(name, out var reference);
            if (isReference && reference!.Tag is null && reference.Digest is null && _store.NamesIn(reference.Repository) is { Count: > 0 } tags)
            {
                foreach (var tag in tags) Add(await GetAsync(tag.Familiar, null, cancellation), tag);
                continue;
            }
            var image = await GetAsync(name, null, cancellation);
            Add(image, isReference && reference!.Tag is not null && _store.ByName(reference.Canonical) == image.Id ? reference : null);
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
            var temporary = Path.Combine(_options.DataRoot, "content", "ingest", "tmp-" + Guid.NewGuid().ToString("N"));
            await using var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose, BufferSize = 1 << 16 });
            await _snapshots.WriteLayerTarAsync(chain.Value, file, cancellation);
            layers.Add(new Descriptor { MediaType = MediaTypes.OciLayer, Digest = diffId, Size = file.Length });
            if (!written.Add(diffId)) continue;
            file.Position = 0;
            await tar.WriteEntryAsync(Entry(BlobName(diffId), file), cancellation);
        }
        return layers;
    }

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

    private static Task FileAsync(TarWriter tar, string name, byte[] bytes, CancellationToken cancellation) => tar.WriteEntryAsync(Entry(name, new MemoryStream(bytes)), cancellation);

    private static Task DirectoryAsync(TarWriter tar, string name, CancellationToken cancellation) =>
        tar.WriteEntryAsync(new GnuTarEntry(TarEntryType.Directory, name) { Mode = (UnixFileMode)0b111_101_101, ModificationTime = DateTimeOffset.UnixEpoch }, cancellation);

    private static GnuTarEntry Entry(string name, Stream data) => new(TarEntryType.RegularFile, name)
    {
        Mode = (UnixFileMode)0b110_100_100, ModificationTime = DateTimeOffset.UnixEpoch, AccessTime = DateTimeOffset.UnixEpoch, ChangeTime = DateTimeOffset.UnixEpoch, DataStream = data,
    };
}
