using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.RemoteCaches;

/// <summary>A cache in GitHub's cache of a repository's workflows. Entries are never written twice: the document's have a number that grows.</summary>
internal sealed class ActionsCache : RemoteCache
{
    private readonly ActionsCacheClient _client;
    private readonly ActionsToken _token;
    private readonly string _scope;

    private ActionsCache(CachePlace place, Uri service) : base(place.Text)
    {
        _token = ActionsToken.Parse(place.Given("token") ?? throw WharfException.Invalid("token not set for github actions cache"), DateTimeOffset.UtcNow);
        _scope = place.Given("scope") ?? DefaultName;
        _client = new ActionsCacheClient(service, _token.Text);
    }

    public static ActionsCache OpenActions(CachePlace place)
    {
        if (place["version"] == "1") throw WharfException.NotImplemented("version 1 of the github actions cache is gone: use version=2 and url_v2");
        var url = place.Given("url_v2") ?? (place["version"] == "2" ? place.Given("url") : null) ?? throw WharfException.Invalid("url_v2 not set for github actions cache");
        return new ActionsCache(place, Uri.TryCreate(url.TrimEnd('/') + "/", UriKind.Absolute, out var service) && service.Scheme is "http" or "https" ? service : throw WharfException.Invalid("url_v2 is no http or https URL"));
    }

    private static string BlobKey(Digest blob) => $"buildkit-blob-1-{blob}";

    /// <summary>The document of a branch, whose name the service calls a scope.</summary>
    private string IndexKey(string branch) => $"index-{_scope}-1-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(branch)))[..8]}#";

    public override async Task<Stream> OpenAsync(Digest blob, CancellationToken cancellation)
    {
        var found = await _client.FindAsync(BlobKey(blob), cancellation);
        return found?.Key == BlobKey(blob) ? await _client.OpenAsync(found, cancellation) : throw WharfException.NotFound($"{Name}: blob {blob} not found");
    }

    /// <summary>That of the first branch the token may read which has one: the workflow's own comes first.</summary>
    public override async Task<byte[]?> ReadDocumentAsync(CancellationToken cancellation)
    {
        foreach (var branch in _token.Readable)
        {
            if (await _client.FindAsync(IndexKey(branch), cancellation) is not { } found) continue;
            await using var stream = await _client.OpenAsync(found, cancellation);
            return await stream.ReadWholeAsync(MaxDocument, () => WharfException.Invalid($"{Name}: the document is larger than {MaxDocument} bytes"), cancellation);
        }
        return null;
    }

    protected override async Task<bool> HasAsync(Digest blob, CancellationToken cancellation) => (await _client.FindAsync(BlobKey(blob), cancellation))?.Key == BlobKey(blob);

    /// <summary>When somebody else is writing the same, theirs will do.</summary>
    protected override async Task WriteBlobAsync(Descriptor blob, string path, CancellationToken cancellation) =>
        await _client.SaveAsync(BlobKey(blob.Digest), () => Registry.Storage.StoreHttp.Part(path, 0, blob.Size), blob.Size, cancellation);

    private const int MostTries = 20;

    protected override async Task WriteDocumentAsync(byte[] document, CancellationToken cancellation)
    {
        var key = IndexKey(_token.Writable ?? throw WharfException.Invalid("the token of the github actions cache may not write"));
        var last = await _client.FindAsync(key, cancellation);
        long number = last is not null && long.TryParse(last.Key[key.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long known) ? known : 0;
        // A number that is taken belongs to another build, which may have died: the next is as good.
        for (int tries = 0; tries < MostTries; tries++)
            if (await _client.SaveAsync(key + (++number).ToString(CultureInfo.InvariantCulture), () => new ByteArrayContent(document), document.Length, cancellation)) return;
        throw WharfException.Unavailable($"{Name}: the document was written by others {MostTries} times meanwhile");
    }

    public override void Dispose() => _client.Dispose();
}
