using System.Formats.Tar;
using System.Text.Json;
using Wharf.Engine.Content;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Loading docker archives and OCI layouts.</summary>
public sealed partial class ImageService
{
    private const long MaxArchiveDocument = 8L << 20;

    /// <summary>
    /// Loads all images of an archive, which may be compressed. docker's <c>manifest.json</c> is preferred to <c>index.json</c>
    /// where both are there. Members are kept in a private directory until the end; names in the archive never become paths.
    /// </summary>
    public async Task LoadAsync(Stream archive, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_options.DataRoot, "content", "load-" + Guid.NewGuid().ToString("N"))).FullName;
        try
        {
            await using var tar = await Compression.OpenAsync(archive, _options.Limits.MaxDecompressionRatio, cancellation);
            var members = await ReadMembersAsync(tar, directory, cancellation);
            var loaded = new List<(ImageRecord Image, IReadOnlyList<string> Names)>();
            using (await _gate.ReaderAsync(cancellation))
            {
                if (members.ContainsKey("manifest.json")) await LoadDockerAsync(members, loaded, cancellation);
                else if (members.ContainsKey("index.json")) await LoadLayoutAsync(members, loaded, cancellation);
                else throw WharfException.Invalid("the archive holds no image: neither manifest.json nor index.json is in it");
            }
            foreach (var (image, names) in loaded)
            {
                foreach (var name in names) await TagAsync(image.Id, name, cancellation);
                if (names.Count == 0) progress.Report(new JsonMessage { Stream = $"Loaded image ID: {image.Id}\n" });
                foreach (var name in names) progress.Report(new JsonMessage { Stream = $"Loaded image: {ImageReference.Parse(name).WithDefaultTag().Familiar}\n" });
                Publish("load", image.Id, image.Id.ToString());
            }
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw WharfException.Invalid($"Error processing tar file: {error.Message}", error);
        }
        finally { Directory.Delete(directory, recursive: true); }
    }

    /// <summary>Stores each file under a number of its own; links (docker's older archives link equal layers) point at the same file.</summary>
    private static async Task<Dictionary<string, string>> ReadMembersAsync(Stream tar, string directory, CancellationToken cancellation)
    {
        var members = new Dictionary<string, string>(StringComparer.Ordinal);
        await using var reader = new TarReader(tar);
        while (await reader.GetNextEntryAsync(copyData: false, cancellation) is { } entry)
        {
            var name = Normal(entry.Name);
            if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile)
            {
                var path = Path.Combine(directory, members.Count.ToString(System.Globalization.CultureInfo.InvariantCulture));
                await using (var file = new FileStream(path, FileMode.CreateNew))
                    if (entry.DataStream is not null) await entry.DataStream.CopyToAsync(file, cancellation);
                members[name] = path;
            }
            else if (entry.EntryType is TarEntryType.SymbolicLink or TarEntryType.HardLink)
            {
                var target = entry.EntryType == TarEntryType.HardLink ? Normal(entry.LinkName) : Normal(Path.Combine(Path.GetDirectoryName(name) ?? "", entry.LinkName));
                if (members.TryGetValue(target, out var path)) members[name] = path;
            }
        }
        return members;
    }

    private static string Normal(string name)
    {
        var parts = new List<string>();
        foreach (var part in name.Split('/'))
        {
            if (part == ".." && parts.Count > 0) parts.RemoveAt(parts.Count - 1);
            else if (part is not ("" or "." or "..")) parts.Add(part);
        }
        return string.Join('/', parts);
    }

    private async Task LoadDockerAsync(Dictionary<string, string> members, List<(ImageRecord, IReadOnlyList<string>)> loaded, CancellationToken cancellation)
    {
        var manifests = await DocumentAsync(members, "manifest.json", JsonMessageJson.Default.ListArchiveManifest, cancellation);
        foreach (var manifest in manifests)
        {
            var config = await BytesAsync(members, manifest.Config ?? throw WharfException.Invalid("manifest.json: an image has no Config"), cancellation);
            var image = ParseConfig(config);
            var diffIds = image.RootFs?.DiffIds ?? [];
            if (manifest.Layers?.Count != diffIds.Count) throw WharfException.Invalid($"invalid manifest, layers length mismatch: expected {diffIds.Count}, got {manifest.Layers?.Count ?? 0}");
            Digest? chain = null;
            for (int i = 0; i < diffIds.Count; i++)
            {
                var path = Member(members, manifest.Layers[i]);
                chain = await ApplyFileAsync(chain, diffIds[i], path, cancellation);
            }
            loaded.Add((await StoreConfigAsync(config, cancellation), manifest.RepoTags ?? []));
        }
    }

    private async Task LoadLayoutAsync(Dictionary<string, string> members, List<(ImageRecord, IReadOnlyList<string>)> loaded, CancellationToken cancellation)
    {
        var index = await DocumentAsync(members, "index.json", ImageJson.Default.ImageIndex, cancellation);
        foreach (var entry in index.Manifests ?? [])
        {
            var (descriptor, bytes) = await ResolveLayoutAsync(members, entry, depth: 0, cancellation);
            if (descriptor is null) continue;
            var manifest = ManifestDocuments.ParseManifest(bytes, null);
            var config = await BlobBytesAsync(members, manifest.Config!, cancellation);
            var image = ParseConfig(config);
            var diffIds = image.RootFs?.DiffIds ?? [];
            if (manifest.Layers!.Count != diffIds.Count) throw WharfException.Invalid($"manifest {descriptor.Digest}: {manifest.Layers.Count} layers, but the configuration has {diffIds.Count}");
            Digest? chain = null;
            for (int i = 0; i < diffIds.Count; i++) chain = await ApplyFileAsync(chain, diffIds[i], Member(members, BlobName(manifest.Layers[i].Digest)), cancellation);
            var name = entry.Annotations?.GetValueOrDefault("io.containerd.image.name") ?? entry.Annotations?.GetValueOrDefault("org.opencontainers.image.ref.name");
            loaded.Add((await StoreConfigAsync(config, cancellation), name is not null && ImageReference.TryParse(name, out _) && name.Contains(':') ? [name] : []));
        }
    }

    private async Task<(Descriptor?, byte[])> ResolveLayoutAsync(Dictionary<string, string> members, Descriptor entry, int depth, CancellationToken cancellation)
    {
        var bytes = await BlobBytesAsync(members, entry, cancellation);
        if (!ManifestDocuments.IsIndex(entry.MediaType, bytes)) return (entry, bytes);
        if (depth > 4) throw WharfException.Invalid("index.json: indexes are nested too deep");
        var chosen = Platforms.Choose(ManifestDocuments.ParseIndex(bytes, null).Manifests ?? [], Platforms.Host);
        return chosen is null || !members.ContainsKey(BlobName(chosen.Digest)) ? (null, bytes) : await ResolveLayoutAsync(members, chosen, depth + 1, cancellation);
    }

    private static string BlobName(Digest digest) => $"blobs/{digest.Algorithm}/{digest.Hex}";

    private async Task<byte[]> BlobBytesAsync(Dictionary<string, string> members, Descriptor descriptor, CancellationToken cancellation)
    {
        var bytes = await BytesAsync(members, BlobName(descriptor.Digest), cancellation);
        if (bytes.Length != descriptor.Size) throw WharfException.Invalid($"content {descriptor.Digest} has {bytes.Length} bytes, its descriptor says {descriptor.Size}");
        var found = descriptor.Digest.Algorithm == "sha512" ? Digest.FromSha512(System.Security.Cryptography.SHA512.HashData(bytes)) : Digest.OfBytes(bytes);
        return found == descriptor.Digest ? bytes : throw WharfException.Invalid($"content digest mismatch: expected {descriptor.Digest}, got {found}");
    }

    private async Task<Digest> ApplyFileAsync(Digest? parent, Digest diffId, string path, CancellationToken cancellation)
    {
        var chain = Snapshots.ChainId.Of(parent, diffId);
        if (_snapshots.Exists(chain)) return chain;
        await using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, BufferSize = 0, Options = FileOptions.SequentialScan });
        await using var tar = await Compression.OpenAsync(file, _options.Limits.MaxDecompressionRatio, cancellation);
        return (await _snapshots.ApplyAsync(parent, diffId, tar, cancellation)).ChainId;
    }

    /// <summary>Stores a configuration exactly as received: its bytes are the image's identity.</summary>
    private async Task<ImageRecord> StoreConfigAsync(byte[] config, CancellationToken cancellation)
    {
        var id = await _content.WriteAsync(config, cancellation);
        _store.Add(id, DateTimeOffset.UtcNow);
        return await RecordAsync(id, cancellation);
    }

    private static string Member(Dictionary<string, string> members, string name) =>
        members.TryGetValue(Normal(name), out var path) ? path : throw WharfException.Invalid($"the archive lacks {name}");

    private static async Task<byte[]> BytesAsync(Dictionary<string, string> members, string name, CancellationToken cancellation)
    {
        var path = Member(members, name);
        if (new FileInfo(path).Length > MaxArchiveDocument) throw WharfException.Invalid($"{name} in the archive is larger than {MaxArchiveDocument} bytes");
        return await File.ReadAllBytesAsync(path, cancellation);
    }

    private static async Task<T> DocumentAsync<T>(Dictionary<string, string> members, string name, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, CancellationToken cancellation) where T : class
    {
        try { return JsonSerializer.Deserialize(await BytesAsync(members, name, cancellation), type) ?? throw WharfException.Invalid($"{name} in the archive is empty"); }
        catch (JsonException error) { throw WharfException.Invalid($"{name} in the archive is not valid: {error.Message}", error); }
    }
}
