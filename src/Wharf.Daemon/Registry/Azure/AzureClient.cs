using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Xml;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Azure;

/// <summary>The few requests of Azure's Blob service that a registry needs, against one container.</summary>
internal sealed class AzureClient : IDisposable
{
    /// <summary>The most blocks a blob may have, with room.</summary>
    private const int MaxBlocks = 40_000;

    private readonly StoreHttp _http = new("Azure");
    private readonly SharedKey _key;
    private readonly string _base, _container;

    public AzureClient(StorageConfig config)
    {
        _container = config.Bucket ?? throw WharfException.Invalid("storage.bucket is missing: the container's name");
        var account = config.AccessKey ?? Environment.GetEnvironmentVariable("AZURE_STORAGE_ACCOUNT") ?? throw WharfException.Invalid("storage.access-key is missing, and AZURE_STORAGE_ACCOUNT is not set: the account's name");
        var secret = config.SecretKey ?? (config.SecretKeyFile is { } file ? File.ReadAllText(file).Trim() : null) ?? Environment.GetEnvironmentVariable("AZURE_STORAGE_KEY") ?? throw WharfException.Invalid("storage.secret-key and storage.secret-key-file are missing, and AZURE_STORAGE_KEY is not set: the account's key");
        var endpoint = config.Endpoint ?? $"https://{account}.blob.core.windows.net";
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")) throw WharfException.Invalid($"storage.endpoint: \"{endpoint}\" is no http or https URL");
        _key = new SharedKey(account, secret);
        // An emulator's endpoint has the account as its path.
        _base = $"{url.GetLeftPart(UriPartial.Path).TrimEnd('/')}/{_container}";
    }

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string key, string query, Func<HttpContent>? body, CancellationToken cancellation, params (string Name, string Value)[] headers) =>
        _http.SendAsync(() =>
        {
            var request = new HttpRequestMessage(method, UrlOf(key, query)) { Content = body?.Invoke() };
            foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
            _key.Sign(request, DateTimeOffset.UtcNow);
            return request;
        }, cancellation);

    private Uri UrlOf(string key, string query) => new($"{_base}{(key == "" ? "" : "/" + string.Join('/', key.Split('/').Select(Uri.EscapeDataString)))}{(query == "" ? "" : "?" + query)}");

    public Uri SignedUrl(string key, TimeSpan lifetime) => _key.SignUrl(UrlOf(key, ""), _container, key, lifetime, DateTimeOffset.UtcNow);

    /// <summary>Throws with what the store says, unless it succeeded.</summary>
    public static async Task CheckAsync(HttpResponseMessage response, string what, CancellationToken cancellation)
    {
        if (response.IsSuccessStatusCode) return;
        var text = await response.Content.ReadAsStringAsync(cancellation);
        var code = response.Headers.TryGetValues("x-ms-error-code", out var codes) ? codes.First() : StoreHttp.Element(text, "Code") ?? response.ReasonPhrase;
        throw WharfException.Unavailable($"Azure {what}: {(int)response.StatusCode} {code}: {StoreHttp.Element(text, "Message")?.Split('\n')[0]}");
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

    public async Task PutAsync(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Put, key, "", () => new ReadOnlyMemoryContent(bytes), cancellation, ("x-ms-blob-type", "BlockBlob"));
        await CheckAsync(response, $"put {key}", cancellation);
    }

    public async Task DeleteAsync(string key, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Delete, key, "", null, cancellation);
        if (response.StatusCode != HttpStatusCode.NotFound) await CheckAsync(response, $"delete {key}", cancellation);
    }

    /// <summary>Copies a blob within the container: at once as a rule, else it is waited for.</summary>
    public async Task CopyAsync(string from, string to, CancellationToken cancellation)
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
    public async Task<(List<(string Key, long Size, DateTimeOffset Modified)> Objects, string? Next)> ListAsync(string prefix, string? marker, CancellationToken cancellation)
    {
        var query = $"restype=container&comp=list&prefix={Uri.EscapeDataString(prefix)}" + (marker is null ? "" : $"&marker={Uri.EscapeDataString(marker)}");
        using var response = await SendAsync(HttpMethod.Get, "", query, null, cancellation);
        await CheckAsync(response, $"list {prefix}", cancellation);
        var objects = new List<(string, long, DateTimeOffset)>();
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        using var reader = XmlReader.Create(stream, new XmlReaderSettings { Async = true, DtdProcessing = DtdProcessing.Prohibit, IgnoreWhitespace = true });
        string key = "", size = "0", modified = "", next = "";
        while (await reader.ReadAsync())
        {
            if (reader.NodeType == XmlNodeType.EndElement && reader.LocalName == "Blob") objects.Add((key, long.Parse(size, CultureInfo.InvariantCulture), DateTimeOffset.Parse(modified, CultureInfo.InvariantCulture)));
            if (reader.NodeType != XmlNodeType.Element || reader.IsEmptyElement) continue;
            switch (reader.LocalName)
            {
                case "Name": key = await StoreHttp.TextAsync(reader); break;
                case "Content-Length": size = await StoreHttp.TextAsync(reader); break;
                case "Last-Modified": modified = await StoreHttp.TextAsync(reader); break;
                case "NextMarker": next = await StoreHttp.TextAsync(reader); break;
            }
        }
        return (objects, next == "" ? null : next);
    }

    /// <summary>Sends a file's range in blocks, so that a broken one is all that is sent twice. Blocks that never become a blob go by themselves after a week.</summary>
    public async Task PutFileAsync(string key, string path, long begin, long size, long blockSize, CancellationToken cancellation)
    {
        if (size <= blockSize)
        {
            using var response = await SendAsync(HttpMethod.Put, key, "", () => StoreHttp.Part(path, begin, size), cancellation, ("x-ms-blob-type", "BlockBlob"));
            await CheckAsync(response, $"put {key}", cancellation);
            return;
        }
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

    public void Dispose() => _http.Dispose();
}
