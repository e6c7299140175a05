using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Azure;

/// <summary>The requests in the words of Azure's Blob service; its buckets are called containers.</summary>
internal sealed class AzureClient : BucketClient
{
    /// <summary>The most blocks a blob may have, with room.</summary>
    private const int MaxBlocks = 40_000;
    private static readonly ListNames _names = new("Blob", "Name", "Content-Length", "Last-Modified", "NextMarker");

    private readonly SharedKey _key;
    private readonly string _base, _container;

    public AzureClient(StorageConfig config) : base("Azure")
    {
        _container = config.Bucket ?? throw WharfException.Invalid("storage.bucket is missing: the container's name");
        var account = config.AccessKey ?? Environment.GetEnvironmentVariable("AZURE_STORAGE_ACCOUNT") ?? throw WharfException.Invalid("storage.access-key is missing, and AZURE_STORAGE_ACCOUNT is not set: the account's name");
        var secret = SecretOf(config, "AZURE_STORAGE_KEY", ": the account's key");
        var url = EndpointOf(config, $"https://{account}.blob.core.windows.net");
        _key = new SharedKey(account, secret);
        // An emulator's endpoint has the account as its path.
        _base = $"{url.GetLeftPart(UriPartial.Path).TrimEnd('/')}/{_container}";
    }

    /// <summary>The service's own: the standard one would be signed too.</summary>
    public override string RangeHeader => "x-ms-range";
    protected override (string Name, string Value)[] ObjectHeaders => [("x-ms-blob-type", "BlockBlob")];

    protected override Uri UrlOf(string key, string query) => new($"{_base}{(key == "" ? "" : "/" + string.Join('/', key.Split('/').Select(Uri.EscapeDataString)))}{(query == "" ? "" : "?" + query)}");

    protected override void Sign(HttpRequestMessage request, DateTimeOffset now) => _key.Sign(request, now);

    public override Uri SignedUrl(string key, TimeSpan lifetime) => _key.SignUrl(UrlOf(key, ""), _container, key, lifetime, DateTimeOffset.UtcNow);

    protected override (string? Code, string? Message) ReasonOf(HttpResponseMessage response, string text)
    {
        var (code, message) = base.ReasonOf(response, text);
        return (response.Headers.TryGetValues("x-ms-error-code", out var codes) ? codes.First() : code, message?.Split('\n')[0]);
    }

    /// <summary>Makes the container when it is not there.</summary>
    public async Task CreateContainerAsync(CancellationToken cancellation)
    {
        using (var found = await SendAsync(HttpMethod.Get, "", "restype=container", null, cancellation))
            if (found.StatusCode != HttpStatusCode.NotFound)
            {
                await CheckAsync(found, $"container {_container}", cancellation);
                return;
            }
        using var made = await SendAsync(HttpMethod.Put, "", "restype=container", null, cancellation);
        if (made.StatusCode != HttpStatusCode.Conflict) await CheckAsync(made, $"container {_container}", cancellation);
    }

    /// <summary>Copies a blob: at once as a rule, else it is waited for.</summary>
    public override async Task CopyAsync(string from, string to, CancellationToken cancellation)
    {
        var response = await SendAsync(HttpMethod.Put, to, "", null, cancellation, ("x-ms-copy-source", UrlOf(from, "").AbsoluteUri));
        while (true)
        {
            using (response)
            {
                await CheckAsync(response, $"copy {from}", cancellation);
                var status = response.Headers.TryGetValues("x-ms-copy-status", out var values) ? values.First() : "success";
                if (status == "success") return;
                if (status != "pending") throw WharfException.Unavailable($"Azure copy {from}: {status}");
            }
            await Task.Delay(500, cancellation);
            response = await SendAsync(HttpMethod.Head, to, "", null, cancellation);
        }
    }

    /// <summary>One page of blobs; the marker of the next is null at the end.</summary>
    public Task<(List<ObjectInfo> Objects, string? Next)> ListAsync(string prefix, string? marker, CancellationToken cancellation) =>
        ListAsync(prefix, $"restype=container&comp=list&prefix={Uri.EscapeDataString(prefix)}" + (marker is null ? "" : $"&marker={Uri.EscapeDataString(marker)}"), _names, cancellation);

    /// <summary>Blocks that never become a blob go by themselves after a week.</summary>
    protected override async Task PutPartsAsync(string key, string path, long begin, long size, long blockSize, CancellationToken cancellation)
    {
        blockSize = Math.Max(blockSize, size / MaxBlocks + 1);
        var list = new StringBuilder("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        int number = 0;
        for (long at = 0; at < size; at += blockSize, number++)
        {
            long from = begin + at, length = Math.Min(blockSize, size - at);
            var id = Convert.ToBase64String(Encoding.ASCII.GetBytes(number.ToString("D6", CultureInfo.InvariantCulture)));
            using var block = await SendAsync(HttpMethod.Put, key, $"comp=block&blockid={Uri.EscapeDataString(id)}", () => StoreHttp.Part(path, from, length), cancellation);
            await CheckAsync(block, $"put block {number} of {key}", cancellation);
            list.Append(CultureInfo.InvariantCulture, $"<Latest>{id}</Latest>");
        }
        var bytes = Encoding.UTF8.GetBytes(list.Append("</BlockList>").ToString());
        using var completed = await SendAsync(HttpMethod.Put, key, "comp=blocklist", () => new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/xml") } }, cancellation);
        await CheckAsync(completed, $"complete {key}", cancellation);
    }
}
