using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>A directory as the OCI image-spec lays it out (image-layout.md): <c>blobs/ALGORITHM/HEX</c>, and an <c>index.json</c> that gives manifests their tags.</summary>
internal sealed class LayoutPlace(string directory) : ICopyPlace
{
    private const string NameKey = "org.opencontainers.image.ref.name";
    private const long MaxManifest = 4 << 20;

    /// <summary>In the place of a tag: the directory's only manifest or, of several, the latest.</summary>
    public const string Only = "";

    private string IndexPath => Path.Combine(directory, "index.json");

    private string PathOf(Digest digest) => Path.Combine(directory, "blobs", digest.Algorithm, digest.Hex);

    public async Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation)
    {
        if (Digest.TryParse(reference, out var digest)) return (await DocumentAsync(digest, cancellation), null, digest);
        var entry = Find(await ReadIndexAsync(cancellation), reference) ?? throw WharfException.NotFound($"{IndexPath} names nothing \"{reference}\"");
        if (!Digest.TryParse(Text(entry, "digest") ?? "", out digest)) throw WharfException.Invalid($"{IndexPath}: \"{reference}\" has no valid digest");
        return (await DocumentAsync(digest, cancellation), Text(entry, "mediaType"), digest);
    }

    private async Task<byte[]> DocumentAsync(Digest digest, CancellationToken cancellation)
    {
        var file = new FileInfo(PathOf(digest));
        if (!file.Exists) throw WharfException.NotFound($"{directory} has no {digest}");
        if (file.Length > MaxManifest) throw WharfException.Invalid($"{digest} has {file.Length} bytes: no manifest");
        var bytes = await File.ReadAllBytesAsync(file.FullName, cancellation);
        var found = digest.Algorithm == "sha512" ? Digest.FromSha512(SHA512.HashData(bytes)) : Digest.OfBytes(bytes);
        return found == digest ? bytes : throw WharfException.Invalid($"{file.FullName} is damaged: its bytes have {found}");
    }

    public async Task<bool> HasManifestAsync(Digest digest, CancellationToken cancellation)
    {
        if (!File.Exists(PathOf(digest)) || new FileInfo(PathOf(digest)).Length > MaxManifest) return false;
        try { return ManifestDocument.Parse(await DocumentAsync(digest, cancellation), null) is not null; }
        catch (Http.RegistryException) { return false; /* a blob */ }
    }

    public Task<Stream> OpenBlobAsync(Digest digest, CancellationToken cancellation) => Task.FromResult<Stream>(
        File.Exists(PathOf(digest)) ? new FileStream(PathOf(digest), FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan) : throw WharfException.NotFound($"{directory} has no {digest}"));

    public async Task<List<Descriptor>> ReferrersAsync(Digest subject, CancellationToken cancellation)
    {
        var referrers = new List<Descriptor>();
        foreach (var entry in (await ReadIndexAsync(cancellation))["manifests"] as JsonArray ?? [])
        {
            if (!Digest.TryParse(Text(entry, "digest") ?? "", out var digest)) continue;
            var bytes = await DocumentAsync(digest, cancellation);
            if (ManifestDocument.Parse(bytes, null).Subject == subject) referrers.Add(new Descriptor { Digest = digest, Size = bytes.Length });
        }
        return referrers;
    }

    public Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation) => Task.FromResult(File.Exists(PathOf(digest)));

    public async Task PutBlobAsync(Digest digest, long size, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation)
    {
        var path = PathOf(digest);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await BesideAsync(path, async file =>
        {
            await using var source = await open(cancellation);
            using var hash = IncrementalHash.CreateHash(digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
            var buffer = new byte[128 << 10];
            long taken = 0;
            for (int count; (count = await source.ReadAsync(buffer, cancellation)) > 0; taken += count)
            {
                if (taken + count > size) throw WharfException.Invalid($"blob {digest} has more than the {size} bytes that its descriptor says");
                hash.AppendData(buffer, 0, count);
                await file.WriteAsync(buffer.AsMemory(0, count), cancellation);
            }
            if (taken != size || Convert.ToHexStringLower(hash.GetHashAndReset()) != digest.Hex) throw WharfException.Invalid($"blob {digest}: other bytes came than the digest says");
        });
    }

    public async Task PutManifestAsync(string? tag, byte[] bytes, string mediaType, Digest digest, CancellationToken cancellation)
    {
        await PutBlobAsync(digest, bytes.Length, _ => Task.FromResult<Stream>(new MemoryStream(bytes)), cancellation);
        bool isReferrer = tag is null && ManifestDocument.Parse(bytes, mediaType).Subject is not null;
        // What an index names is found by the index; what refers to another, by being listed.
        if (tag is null && !isReferrer) return;
        var index = await ReadIndexAsync(cancellation);
        var kept = (index["manifests"] as JsonArray ?? []).Where(entry => tag is null ? Text(entry, "digest") != digest.ToString() : NameOf(entry) != tag).Select(static entry => entry?.DeepClone()).ToList();
        var put = new JsonObject { ["mediaType"] = mediaType, ["digest"] = digest.ToString(), ["size"] = bytes.Length };
        if (tag is not null) put["annotations"] = new JsonObject { [NameKey] = tag };
        index["manifests"] = new JsonArray([.. kept, put]);
        await BesideAsync(IndexPath, async file => await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(index.ToJsonString()), cancellation));
        await BesideAsync(Path.Combine(directory, "oci-layout"), async file => await file.WriteAsync("""{"imageLayoutVersion":"1.0.0"}"""u8.ToArray(), cancellation));
    }

    private async Task<JsonObject> ReadIndexAsync(CancellationToken cancellation)
    {
        if (!File.Exists(IndexPath)) return new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex };
        try { return JsonNode.Parse(await File.ReadAllBytesAsync(IndexPath, cancellation)) as JsonObject ?? throw WharfException.Invalid($"{IndexPath} is no index"); }
        catch (JsonException error) { throw WharfException.Invalid($"{IndexPath} is no index: {error.Message}", error); }
    }

    private static JsonNode? Find(JsonObject index, string tag)
    {
        var manifests = index["manifests"] as JsonArray ?? [];
        if (tag == Only && manifests is [var only]) return only;
        return manifests.FirstOrDefault(entry => NameOf(entry) == (tag == Only ? ImageReference.DefaultTag : tag));
    }

    private static string? NameOf(JsonNode? entry) => Text((entry as JsonObject)?["annotations"], NameKey);

    private static string? Text(JsonNode? node, string member) => (node as JsonObject)?[member] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    /// <summary>Writes a file beside its place, and moves it there when it is whole.</summary>
    private static async Task BesideAsync(string path, Func<FileStream, Task> write)
    {
        var temporary = $"{path}.{Guid.NewGuid():n}.tmp";
        try
        {
            await using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write)) await write(file);
            File.Move(temporary, path, overwrite: true);
        }
        finally { File.Delete(temporary); }
    }

    public void Dispose() { }
}
