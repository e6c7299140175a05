using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Xml;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Aws;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.S3;

/// <summary>The few requests of the S3 API that a registry needs, against one bucket. What fails for a passing reason is tried again.</summary>
internal sealed class S3Client : IDisposable
{
    private readonly StoreHttp _http = new("S3");
    private readonly SignatureV4 _signature;
    private readonly string _base, _bucket;

    public S3Client(StorageConfig config)
    {
        var bucket = config.Bucket ?? throw WharfException.Invalid("storage.bucket is missing");
        var endpoint = config.Endpoint ?? $"https://s3.{config.Region}.amazonaws.com";
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")) throw WharfException.Invalid($"storage.endpoint: \"{endpoint}\" is no http or https URL");
        var access = config.AccessKey ?? Environment.GetEnvironmentVariable("AWS_ACCESS_KEY_ID") ?? throw WharfException.Invalid("storage.access-key is missing, and AWS_ACCESS_KEY_ID is not set");
        var secret = config.SecretKey ?? (config.SecretKeyFile is { } file ? File.ReadAllText(file).Trim() : null) ?? Environment.GetEnvironmentVariable("AWS_SECRET_ACCESS_KEY") ?? throw WharfException.Invalid("storage.secret-key and storage.secret-key-file are missing, and AWS_SECRET_ACCESS_KEY is not set");
        _signature = new SignatureV4(access, secret, config.Region, "s3");
        _bucket = bucket;
        _base = config.PathStyle ? $"{url.Scheme}://{url.Authority}/{bucket}" : $"{url.Scheme}://{bucket}.{url.Authority}";
    }

    /// <summary>Sends a signed request. The query must be in the order of its names. A body is made anew for each attempt.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string key, string query, Func<HttpContent>? body, CancellationToken cancellation, Action<HttpRequestMessage>? shape = null) =>
        _http.SendAsync(() =>
        {
            var request = new HttpRequestMessage(method, UrlOf(key, query)) { Content = body?.Invoke() };
            shape?.Invoke(request);
            _signature.Sign(request, body is null ? SignatureV4.EmptyHash : SignatureV4.Unsigned, DateTimeOffset.UtcNow);
            return request;
        }, cancellation);

    private Uri UrlOf(string key, string query) => new($"{_base}/{string.Join('/', key.Split('/').Select(SignatureV4.Escape))}{(query == "" ? "" : "?" + query)}");

    public Uri SignedUrl(string key, TimeSpan lifetime) => _signature.SignUrl(UrlOf(key, ""), lifetime, DateTimeOffset.UtcNow);

    /// <summary>Throws with what the store says, unless it succeeded.</summary>
    public static async Task CheckAsync(HttpResponseMessage response, string what, CancellationToken cancellation)
    {
        if (response.IsSuccessStatusCode) return;
        var text = await response.Content.ReadAsStringAsync(cancellation);
        throw WharfException.Unavailable($"S3 {what}: {(int)response.StatusCode} {StoreHttp.Element(text, "Code") ?? response.ReasonPhrase}: {StoreHttp.Element(text, "Message")}");
    }

    public async Task PutAsync(string key, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Put, key, "", () => new ReadOnlyMemoryContent(bytes), cancellation);
        await CheckAsync(response, $"put {key}", cancellation);
    }

    public async Task DeleteAsync(string key, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Delete, key, "", null, cancellation);
        if (response.StatusCode != HttpStatusCode.NotFound) await CheckAsync(response, $"delete {key}", cancellation);
    }

    /// <summary>Copies an object within the bucket.</summary>
    public async Task CopyAsync(string from, string to, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Put, to, "", null, cancellation, request => request.Headers.TryAddWithoutValidation("x-amz-copy-source", $"/{_bucket}/{string.Join('/', from.Split('/').Select(SignatureV4.Escape))}"));
        await CheckAsync(response, $"copy {from}", cancellation);
        CheckAnswer(await response.Content.ReadAsStringAsync(cancellation), $"copy {from}");
    }

    /// <summary>S3 may answer 200 and tell of a failure in the body.</summary>
    private static void CheckAnswer(string answer, string what)
    {
        if (answer.Contains("<Error>", StringComparison.Ordinal)) throw WharfException.Unavailable($"S3 {what}: {StoreHttp.Element(answer, "Code")}: {StoreHttp.Element(answer, "Message")}");
    }

    /// <summary>One page of keys after a token or a key; the token of the next page is null at the end.</summary>
    public async Task<(List<(string Key, long Size, DateTimeOffset Modified)> Objects, string? Next)> ListAsync(string prefix, string? token, string? after, CancellationToken cancellation)
    {
        var query = (token is null ? "" : $"continuation-token={SignatureV4.Escape(token)}&") + $"list-type=2&prefix={SignatureV4.Escape(prefix)}" + (after is null ? "" : $"&start-after={SignatureV4.Escape(after)}");
        using var response = await SendAsync(HttpMethod.Get, "", query, null, cancellation);
        await CheckAsync(response, $"list {prefix}", cancellation);
        var objects = new List<(string, long, DateTimeOffset)>();
        string? next = null;
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        using var reader = XmlReader.Create(stream, new XmlReaderSettings { Async = true, DtdProcessing = DtdProcessing.Prohibit, IgnoreWhitespace = true });
        string key = "", size = "0", modified = "";
        while (await reader.ReadAsync())
        {
            if (reader.NodeType == XmlNodeType.EndElement && reader.LocalName == "Contents") objects.Add((key, long.Parse(size, CultureInfo.InvariantCulture), DateTimeOffset.Parse(modified, CultureInfo.InvariantCulture)));
            if (reader.NodeType != XmlNodeType.Element || reader.IsEmptyElement) continue;
            switch (reader.LocalName)
            {
                case "Key": key = await StoreHttp.TextAsync(reader); break;
                case "Size": size = await StoreHttp.TextAsync(reader); break;
                case "LastModified": modified = await StoreHttp.TextAsync(reader); break;
                case "NextContinuationToken": next = await StoreHttp.TextAsync(reader); break;
            }
        }
        return (objects, next);
    }

    /// <summary>Sends a file's range in parts, so that its size has no limit but the store's and a broken part is all that is sent twice.</summary>
    public async Task PutFileAsync(string key, string path, long begin, long size, long partSize, CancellationToken cancellation)
    {
        if (size <= partSize)
        {
            using var response = await SendAsync(HttpMethod.Put, key, "", () => StoreHttp.Part(path, begin, size), cancellation);
            await CheckAsync(response, $"put {key}", cancellation);
            return;
        }
        string id;
        using (var begun = await SendAsync(HttpMethod.Post, key, "uploads=", () => new ByteArrayContent([]), cancellation))
        {
            await CheckAsync(begun, $"begin {key}", cancellation);
            id = StoreHttp.Element(await begun.Content.ReadAsStringAsync(cancellation), "UploadId") ?? throw WharfException.Unavailable("the S3 store gave no upload ID");
        }
        try
        {
            var list = new StringBuilder("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
            int number = 1;
            for (long at = 0; at < size; at += partSize, number++)
            {
                long from = begin + at, length = Math.Min(partSize, size - at);
                using var part = await SendAsync(HttpMethod.Put, key, $"partNumber={number}&uploadId={SignatureV4.Escape(id)}", () => StoreHttp.Part(path, from, length), cancellation);
                await CheckAsync(part, $"put part {number} of {key}", cancellation);
                list.Append(CultureInfo.InvariantCulture, $"<Part><PartNumber>{number}</PartNumber><ETag>{part.Headers.ETag?.Tag.Replace("\"", "&quot;", StringComparison.Ordinal)}</ETag></Part>");
            }
            var bytes = Encoding.UTF8.GetBytes(list.Append("</CompleteMultipartUpload>").ToString());
            using var completed = await SendAsync(HttpMethod.Post, key, $"uploadId={SignatureV4.Escape(id)}", () => new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/xml") } }, cancellation);
            await CheckAsync(completed, $"complete {key}", cancellation);
            CheckAnswer(await completed.Content.ReadAsStringAsync(cancellation), $"complete {key}");
        }
        catch
        {
            using var aborted = await SendAsync(HttpMethod.Delete, key, $"uploadId={SignatureV4.Escape(id)}", null, CancellationToken.None);
            throw;
        }
    }

    public void Dispose() => _http.Dispose();
}
