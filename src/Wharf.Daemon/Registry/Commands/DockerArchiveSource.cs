using System.Security.Cryptography;
using System.Text.Json;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>An image of an archive of <c>docker save</c>: its configuration and layers as they lie there, under a manifest of OCI's made for them, as the archive has none.</summary>
internal sealed class DockerArchiveSource : ICopyPlace
{
    private readonly ArchiveMembers _members;
    private readonly Dictionary<Digest, string> _blobs = [];
    private byte[] _manifest = [];

    private DockerArchiveSource(ArchiveMembers members) => _members = members;

    /// <param name="path">The archive, which may be compressed.</param>
    /// <param name="name">Which of its images; null for its only one.</param>
    public static async Task<DockerArchiveSource> ReadAsync(string path, ImageReference? name, CancellationToken cancellation)
    {
        var source = new DockerArchiveSource(await LayoutArchivePlace.MembersAsync(path, cancellation));
        try
        {
            await source.DescribeAsync(path, name, cancellation);
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    private async Task DescribeAsync(string path, ImageReference? name, CancellationToken cancellation)
    {
        var images = await _members.DocumentAsync("manifest.json", JsonMessageJson.Default.ListArchiveManifest, cancellation);
        var fitting = name is null ? images : images.FindAll(image => (image.RepoTags ?? []).Any(tag => ImageReference.TryParse(tag, out var known) && known.WithDefaultTag().Canonical == name.WithDefaultTag().Canonical));
        if (fitting is not [var image]) throw WharfException.Invalid(name is not null && fitting.Count == 0 ? $"{path} has no image {name.Familiar}" : $"{path} has {images.Count} images: say which, docker-archive:FILE:NAME");
        var config = await _members.BytesAsync(image.Config ?? throw WharfException.Invalid("manifest.json: an image has no Config"), cancellation);
        var manifest = new Manifest
        {
            SchemaVersion = 2, MediaType = MediaTypes.OciManifest,
            Config = new Descriptor { MediaType = MediaTypes.OciConfig, Digest = Add(Digest.OfBytes(config), _members.PathOf(image.Config)), Size = config.Length },
            Layers = [],
        };
        foreach (var layer in image.Layers ?? []) manifest.Layers.Add(await LayerAsync(_members.PathOf(layer), cancellation));
        _manifest = JsonSerializer.SerializeToUtf8Bytes(manifest, ImageJson.Plain.Manifest);
    }

    private async Task<Descriptor> LayerAsync(string path, CancellationToken cancellation)
    {
        await using var file = await BlobFile.OpenAsync(path);
        var head = new byte[4];
        int length = await file.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellation);
        file.Position = 0;
        var type = head.AsSpan(0, length).StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]) ? MediaTypes.OciLayerGzip : head.AsSpan(0, length).StartsWith((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd]) ? MediaTypes.OciLayerZstd : MediaTypes.OciLayer;
        return new Descriptor { MediaType = type, Digest = Add(Digest.FromSha256(await SHA256.HashDataAsync(file, cancellation)), path), Size = file.Length };
    }

    private Digest Add(Digest digest, string path)
    {
        _blobs[digest] = path;
        return digest;
    }

    public Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation) => Task.FromResult<(byte[], string?, Digest)>((_manifest, MediaTypes.OciManifest, Digest.OfBytes(_manifest)));
    public Task<bool> HasManifestAsync(Digest digest, CancellationToken cancellation) => Task.FromResult(false);
    public Task<Stream> OpenBlobAsync(Digest digest, CancellationToken cancellation) => BlobFile.OpenAsync(_blobs[digest]);
    public Task<List<Descriptor>> ReferrersAsync(Digest subject, CancellationToken cancellation) => Task.FromResult<List<Descriptor>>([]);
    public Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation) => Task.FromResult(_blobs.ContainsKey(digest));
    public Task PutBlobAsync(Digest digest, long size, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation) => throw new NotSupportedException("a source");
    public Task PutManifestAsync(string? tag, byte[] bytes, string mediaType, Digest digest, CancellationToken cancellation) => throw new NotSupportedException("a source");

    public void Dispose() => _members.Dispose();
}
