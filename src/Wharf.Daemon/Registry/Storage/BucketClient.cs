using System.Globalization;
using System.Net;
using System.Xml;
using Wharf.Daemon.Registry.Config;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>The few requests that a registry makes of a store elsewhere, against one bucket. What fails for a passing reason is tried again.</summary>
/// <param name="store">The store's name in messages.</param>
internal abstract class BucketClient(string store) : IDisposable
{
    /// <summary>What the elements of a list are called.</summary>
    protected sealed record ListNames(string Object, string Key, string Size, string Modified, string Next);

    private readonly StoreHttp _http = new(store);

    /// <summary>The header that asks for a part of an object.</summary>
    public virtual string RangeHeader => "Range";

    /// <summary>Headers of requests that make an object of their body.</summary>
    protected virtual (string Name, string Value)[] ObjectHeaders => [];

    protected abstract Uri UrlOf(string key, string query);

    protected abstract void Sign(HttpRequestMessage request, DateTimeOffset now);

    /// <summary>A URL that lets whoever holds it read the object for a while.</summary>
    public abstract Uri SignedUrl(string key, TimeSpan lifetime);

    /// <summary>Copies an object within the bucket.</summary>
    public abstract Task CopyAsync(string from, string to, CancellationToken cancellation);

    /// <summary>Sends a range of a file that is longer than a part.</summary>
    protected abstract Task PutPartsAsync(string key, string path, long begin, long size, long partSize, CancellationToken cancellation);

    /// <summary>What a refusal says: its code and its message.</summary>
    protected virtual (string? Code, string? Message) ReasonOf(HttpResponseMessage response, string text) => (StoreHttp.Element(text, "Code") ?? response.ReasonPhrase, StoreHttp.Element(text, "Message"));

    /// <summary>The configured endpoint, or the service's own.</summary>
    protected static Uri EndpointOf(StorageConfig config, string own)
    {
        var endpoint = config.Endpoint ?? own;
        return Uri.TryCreate(endpoint, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url : throw WharfException.Invalid($"storage.endpoint: \"{endpoint}\" is no http or https URL");
    }

    /// <summary>The configured secret, or that of a variable.</summary>
    /// <param name="what">What it is, for the message; may be empty.</param>
    protected static string SecretOf(StorageConfig config, string variable, string what = "") =>
        config.SecretKey ?? (config.SecretKeyFile is { } file ? File.ReadAllText(file).Trim() : null) ?? Environment.GetEnvironmentVariable(variable) ?? throw WharfException.Invalid($"storage.secret-key and storage.secret-key-file are missing, and {variable} is not set{what}");

    /// <summary>Sends a signed request. A body is made anew for each attempt.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string key, string query, Func<HttpContent>? body, CancellationToken cancellation, params (string Name, string Value)[] headers) =>
        _http.SendAsync(() =>
        {
            var request = new HttpRequestMessage(method, UrlOf(key, query)) { Content = body?.Invoke() };
            foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
            Sign(request, DateTimeOffset.UtcNow);
            return request;
        }, cancellation);

    /// <summary>Throws with what the store says, unless it succeeded.</summary>
    public async Task CheckAsync(HttpResponseMessage response, string what, CancellationToken cancellation)
    {
        if (response.IsSuccessStatusCode) return;
        var (code, message) = ReasonOf(response, await response.Content.ReadAsStringAsync(cancellation));
        throw WharfException.Unavailable($"{store} {what}: {(int)response.StatusCode} {code}: {message}");
    }

    public Task PutAsync(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellation) => PutAsync(key, () => new ReadOnlyMemoryContent(bytes), cancellation);

    private async Task PutAsync(string key, Func<HttpContent> body, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Put, key, "", body, cancellation, ObjectHeaders);
        await CheckAsync(response, $"put {key}", cancellation);
    }

    /// <summary>Sends a file's range in parts, so that its size has no limit but the store's and a broken part is all that is sent twice.</summary>
    public Task PutFileAsync(string key, string path, long begin, long size, long partSize, CancellationToken cancellation) =>
        size <= partSize ? PutAsync(key, () => StoreHttp.Part(path, begin, size), cancellation) : PutPartsAsync(key, path, begin, size, partSize, cancellation);

    public async Task DeleteAsync(string key, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Delete, key, "", null, cancellation);
        if (response.StatusCode != HttpStatusCode.NotFound) await CheckAsync(response, $"delete {key}", cancellation);
    }

    /// <summary>One page of a list; what asks for the next is null at the end.</summary>
    protected async Task<(List<ObjectInfo> Objects, string? Next)> ListAsync(string prefix, string query, ListNames names, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Get, "", query, null, cancellation);
        await CheckAsync(response, $"list {prefix}", cancellation);
        var objects = new List<ObjectInfo>();
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        using var reader = XmlReader.Create(stream, new XmlReaderSettings { Async = true, DtdProcessing = DtdProcessing.Prohibit, IgnoreWhitespace = true });
        string key = "", size = "0", modified = "", next = "";
        while (await reader.ReadAsync())
        {
            if (reader.NodeType == XmlNodeType.EndElement && reader.LocalName == names.Object) objects.Add(new ObjectInfo(key, long.Parse(size, CultureInfo.InvariantCulture), DateTimeOffset.Parse(modified, CultureInfo.InvariantCulture)));
            if (reader.NodeType != XmlNodeType.Element || reader.IsEmptyElement) continue;
            var name = reader.LocalName;
            if (name == names.Key) key = await StoreHttp.TextAsync(reader);
            else if (name == names.Size) size = await StoreHttp.TextAsync(reader);
            else if (name == names.Modified) modified = await StoreHttp.TextAsync(reader);
            else if (name == names.Next) next = await StoreHttp.TextAsync(reader);
        }
        return (objects, next == "" ? null : next);
    }

    public void Dispose() => _http.Dispose();
}
