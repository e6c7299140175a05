using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Daemon.Registry.Storage;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>A directory as the OCI image-spec lays it out (image-layout.md): <c>blobs/ALGORITHM/HEX</c>, and an <c>index.json</c> that gives manifests their tags.</summary>
/// <param name="directory">Where it is, or is written.</param>
/// <param name="locate">Where the file of a name of the layout lies; null for one of that name in the directory.</param>
internal sealed class LayoutPlace(string directory, Func<string, string>? locate = null) : INamedImages
{
    private const string NameKey = "org.opencontainers.image.ref.name";

    /// <summary>In the place of a tag: the directory's only manifest or, of several, the latest.</summary>
    public const string Only = "";

    private string IndexPath => At("index.json");

    private string PathOf(Digest digest) => At(ArchiveMembers.NameOf(digest));

    private string At(string name) => locate?.Invoke(name) ?? Path.Combine(directory, name);

    public async Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation)
    {
        if (Digest.TryParse(reference, out var digest)) return (await DocumentAsync(digest, cancellation), null, digest);
        var entry = Find(await ReadIndexAsync(cancellation), reference) ?? throw WharfException.NotFound(reference == Only ? $"{IndexPath} has none or several images, and none of them is \"{ImageReference.DefaultTag}\": say which" : $"{IndexPath} names nothing \"{reference}\"");
        if (!Digest.TryParse(Text(entry, "digest") ?? "", out digest)) throw WharfException.Invalid($"{IndexPath}: \"{reference}\" has no valid digest");
        return (await DocumentAsync(digest, cancellation), Text(entry, "mediaType"), digest);
    }

    private async Task<byte[]> DocumentAsync(Digest digest, CancellationToken cancellation) =>
        File.Exists(PathOf(digest)) ? await BlobFile.DocumentAsync(PathOf(digest), digest, cancellation) : throw Lacks(digest);

    private WharfException Lacks(Digest digest) => WharfException.NotFound($"{directory} has no {digest}");

    public async Task<bool> HasManifestAsync(Digest digest, CancellationToken cancellation)
    {
        if (!BlobFile.IsDocument(PathOf(digest))) return false;
        try { return ManifestDocument.Parse(await DocumentAsync(digest, cancellation), null) is not null; }
        catch (Http.RegistryException) { return false; /* a blob */ }
    }

    public Task<Stream> OpenBlobAsync(Digest digest, CancellationToken cancellation) => File.Exists(PathOf(digest)) ? BlobFile.OpenAsync(PathOf(digest)) : throw Lacks(digest);

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

    public Task PutBlobAsync(Digest digest, long size, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(digest))!);
        return BlobFile.WriteAsync(PathOf(digest), digest, size, open, cancellation);
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
        await BlobFile.WriteAsync(IndexPath, System.Text.Encoding.UTF8.GetBytes(index.ToJsonString()), cancellation);
        await BlobFile.WriteAsync(At("oci-layout"), """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray(), cancellation);
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

    /// <summary>containerd writes the whole name beside the tag; of other writers' names only one with a tag is whole.</summary>
    public async Task<string?> FullNameAsync(string reference, CancellationToken cancellation)
    {
        var entry = Find(await ReadIndexAsync(cancellation), reference);
        var name = Text((entry as JsonObject)?["annotations"], "io.containerd.image.name") ?? NameOf(entry);
        return name is not null && name.Contains(':') && ImageReference.TryParse(name, out var known) && known.Tag is not null ? known.Familiar : null;
    }

    private static string? Text(JsonNode? node, string member) => (node as JsonObject)?[member] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public void Dispose() { }
}
