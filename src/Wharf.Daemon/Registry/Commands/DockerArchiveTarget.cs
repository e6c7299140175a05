using System.Security.Cryptography;
using System.Text.Json;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Engine.Content;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>
/// An archive as <c>docker save</c> writes them, of one image: its layers are plain in it, and are held against the digests that the configuration has of them. The archive appears when it
/// is whole.
/// </summary>
/// <param name="path">The file, which must not be there yet.</param>
/// <param name="name">The image's name in it; null for none.</param>
internal sealed class DockerArchiveTarget(string path, ImageReference? name) : ICopyPlace
{
    private readonly DirectoryInfo _blobs = Directory.CreateTempSubdirectory("wharf-copy-");
    private Manifest? _manifest;

    public bool TakesIndexes => false;

    private string PathOf(Digest digest) => Path.Combine(_blobs.FullName, digest.Hex);

    public Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation) => throw new NotSupportedException("a destination");
    public Task<bool> HasManifestAsync(Digest digest, CancellationToken cancellation) => throw new NotSupportedException("a destination");
    public Task<Stream> OpenBlobAsync(Digest digest, CancellationToken cancellation) => throw new NotSupportedException("a destination");
    public Task<List<Descriptor>> ReferrersAsync(Digest subject, CancellationToken cancellation) => throw new NotSupportedException("a destination");
    public Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation) => Task.FromResult(File.Exists(PathOf(digest)));
    public Task PutBlobAsync(Digest digest, long size, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation) => BlobFile.WriteAsync(PathOf(digest), digest, size, open, cancellation);

    public Task PutManifestAsync(string? tag, byte[] bytes, string mediaType, Digest digest, CancellationToken cancellation)
    {
        if (tag is null) throw WharfException.Invalid("an archive of docker's holds no referrers");
        _manifest = JsonSerializer.Deserialize(bytes, ImageJson.Default.Manifest);
        return Task.CompletedTask;
    }

    public async Task CompleteAsync(CancellationToken cancellation)
    {
        if (File.Exists(path)) throw WharfException.Conflict($"{path} is there already");
        var config = await BlobFile.BytesAsync(PathOf(_manifest!.Config!.Digest), cancellation);
        if (_manifest.Config.MediaType is not (MediaTypes.OciConfig or MediaTypes.DockerConfig)) throw WharfException.Invalid("an archive of docker's holds images, not artifacts");
        var diffIds = JsonSerializer.Deserialize(config, ImageJson.Default.OciImage)?.RootFs?.DiffIds ?? [];
        if (diffIds.Count != _manifest.Layers!.Count) throw WharfException.Invalid($"the manifest has {_manifest.Layers.Count} layers, the configuration {diffIds.Count}");
        await BlobFile.BesideAsync(path, async file =>
        {
            var tar = new TarWriter(file);
            var written = new HashSet<Digest>();
            for (int i = 0; i < diffIds.Count; i++)
                if (written.Add(diffIds[i])) await WriteLayerAsync(tar, PathOf(_manifest.Layers[i].Digest), diffIds[i], cancellation);
            var configName = $"{_manifest.Config.Digest.Hex}.json";
            await tar.WriteFileAsync(LayoutArchivePlace.Entry(configName, config.Length), config, cancellation);
            List<ArchiveManifest> images = [new() { Config = configName, RepoTags = name is null ? null : [name.WithDefaultTag().Familiar], Layers = [.. diffIds.Select(NameOf)] }];
            var manifest = JsonSerializer.SerializeToUtf8Bytes(images, JsonMessageJson.Plain.ListArchiveManifest);
            await tar.WriteFileAsync(LayoutArchivePlace.Entry("manifest.json", manifest.Length), manifest, cancellation);
            await tar.FinishAsync(cancellation);
        });
    }

    private static string NameOf(Digest diffId) => $"{diffId.Hex}.tar";

    /// <summary>The layer's plain bytes; their number stands before them, so they are written to a file first.</summary>
    private async Task WriteLayerAsync(TarWriter tar, string blob, Digest diffId, CancellationToken cancellation)
    {
        var plain = Path.Combine(_blobs.FullName, "plain");
        await using (var file = File.Create(plain))
        {
            await using var compressed = await BlobFile.OpenAsync(blob);
            await using var layer = await Compression.OpenAsync(compressed, new Limits().MaxDecompressionRatio, cancellation);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[128 << 10];
            for (int count; (count = await layer.ReadAsync(buffer, cancellation)) > 0;)
            {
                hash.AppendData(buffer, 0, count);
                await file.WriteAsync(buffer.AsMemory(0, count), cancellation);
            }
            if (Digest.FromSha256(hash.GetHashAndReset()) != diffId) throw WharfException.Invalid($"layer {diffId}: its bytes have another digest than the configuration says");
        }
        await using var content = await BlobFile.OpenAsync(plain);
        await tar.WriteFileAsync(LayoutArchivePlace.Entry(NameOf(diffId), content.Length), content, cancellation);
    }

    public void Dispose() => _blobs.Delete(recursive: true);
}
