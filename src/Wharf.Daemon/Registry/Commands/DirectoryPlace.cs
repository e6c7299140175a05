using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>
/// One image in a directory as containers/image lays it out (containers-transports(5), <c>dir:</c>): <c>manifest.json</c>, <c>HEX.manifest.json</c> for what an index names, blobs by
/// their digits alone, and <c>version</c>. It knows no tags.
/// </summary>
internal sealed class DirectoryPlace(string directory) : ICopyPlace
{
    private string PathOf(Digest digest) => Path.Combine(directory, digest.Algorithm == "sha256" ? digest.Hex : $"{digest.Algorithm}-{digest.Hex}");

    private const string Suffix = "manifest.json";
    private string Top => Path.Combine(directory, Suffix);

    private string ManifestPathOf(Digest digest) => $"{PathOf(digest)}.{Suffix}";

    public async Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation)
    {
        if (Digest.TryParse(reference, out var digest) && File.Exists(ManifestPathOf(digest))) return (await BlobFile.DocumentAsync(ManifestPathOf(digest), digest, cancellation), null, digest);
        var bytes = await BlobFile.BytesAsync(Top, cancellation);
        var found = Digest.OfBytes(bytes);
        return reference == LayoutPlace.Only || found.ToString() == reference ? (bytes, null, found) : throw WharfException.NotFound($"{directory} has no {reference}");
    }

    public Task<bool> HasManifestAsync(Digest digest, CancellationToken cancellation) => Task.FromResult(File.Exists(ManifestPathOf(digest)));

    public Task<Stream> OpenBlobAsync(Digest digest, CancellationToken cancellation) => BlobFile.OpenAsync(PathOf(digest));

    public async Task<List<Descriptor>> ReferrersAsync(Digest subject, CancellationToken cancellation)
    {
        var referrers = new List<Descriptor>();
        foreach (var path in Directory.EnumerateFiles(directory, "*." + Suffix).Order(StringComparer.Ordinal))
        {
            var bytes = await BlobFile.BytesAsync(path, cancellation);
            if (ManifestDocument.Parse(bytes, null).Subject == subject) referrers.Add(new Descriptor { Digest = Digest.OfBytes(bytes), Size = bytes.Length });
        }
        return referrers;
    }

    public Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation) => Task.FromResult(File.Exists(PathOf(digest)));

    public Task PutBlobAsync(Digest digest, long size, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        return BlobFile.WriteAsync(PathOf(digest), digest, size, open, cancellation);
    }

    public async Task PutManifestAsync(string? tag, byte[] bytes, string mediaType, Digest digest, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        if (tag is not null) await BlobFile.WriteAsync(Path.Combine(directory, "version"), "Directory Transport Version: 1.1\n"u8.ToArray(), cancellation);
        await BlobFile.WriteAsync(tag is null ? ManifestPathOf(digest) : Top, bytes, cancellation);
    }

    public void Dispose() { }
}
