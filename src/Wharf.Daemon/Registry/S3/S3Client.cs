using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Aws;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.S3;

/// <summary>The requests in the words of S3's API. Queries must be in the order of their names.</summary>
internal sealed class S3Client : BucketClient
{
    private static readonly ListNames _names = new("Contents", "Key", "Size", "LastModified", "NextContinuationToken");

    private readonly SignatureV4 _signature;
    private readonly string _base, _bucket;
    private readonly string? _session;

    public S3Client(StorageConfig config) : base("S3")
    {
        _bucket = config.Bucket ?? throw WharfException.Invalid("storage.bucket is missing");
        var url = EndpointOf(config, $"https://s3.{config.Region}.amazonaws.com");
        var access = config.AccessKey ?? Environment.GetEnvironmentVariable("AWS_ACCESS_KEY_ID") ?? throw WharfException.Invalid("storage.access-key is missing, and AWS_ACCESS_KEY_ID is not set");
        _signature = new SignatureV4(access, SecretOf(config, "AWS_SECRET_ACCESS_KEY"), config.Region, "s3");
        _session = config.SessionToken;
        _base = config.PathStyle ? $"{url.Scheme}://{url.Authority}/{_bucket}" : $"{url.Scheme}://{_bucket}.{url.Authority}";
    }

    protected override Uri UrlOf(string key, string query) => new($"{_base}/{Escape(key)}{(query == "" ? "" : "?" + query)}");

    private static string Escape(string key) => string.Join('/', key.Split('/').Select(SignatureV4.Escape));

    protected override void Sign(HttpRequestMessage request, DateTimeOffset now)
    {
        if (_session is not null) request.Headers.TryAddWithoutValidation("x-amz-security-token", _session);
        _signature.Sign(request, request.Content is null ? SignatureV4.EmptyHash : SignatureV4.Unsigned, now);
    }

    public override Uri SignedUrl(string key, TimeSpan lifetime) => _signature.SignUrl(UrlOf(key, ""), lifetime, DateTimeOffset.UtcNow);

    public override async Task CopyAsync(string from, string to, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Put, to, "", null, cancellation, ("x-amz-copy-source", $"/{_bucket}/{Escape(from)}"));
        await CheckAsync(response, $"copy {from}", cancellation);
        CheckAnswer(await response.Content.ReadAsStringAsync(cancellation), $"copy {from}");
    }

    /// <summary>S3 may answer 200 and tell of a failure in the body.</summary>
    private static void CheckAnswer(string answer, string what)
    {
        if (answer.Contains("<Error>", StringComparison.Ordinal)) throw WharfException.Unavailable($"S3 {what}: {StoreHttp.Element(answer, "Code")}: {StoreHttp.Element(answer, "Message")}");
    }

    /// <summary>One page of keys after a token or a key; the token of the next page is null at the end.</summary>
    public Task<(List<ObjectInfo> Objects, string? Next)> ListAsync(string prefix, string? token, string? after, CancellationToken cancellation) =>
        ListAsync(prefix, (token is null ? "" : $"continuation-token={SignatureV4.Escape(token)}&") + $"list-type=2&prefix={SignatureV4.Escape(prefix)}" + (after is null ? "" : $"&start-after={SignatureV4.Escape(after)}"), _names, cancellation);

    protected override async Task PutPartsAsync(string key, string path, long begin, long size, long partSize, CancellationToken cancellation)
    {
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
}
