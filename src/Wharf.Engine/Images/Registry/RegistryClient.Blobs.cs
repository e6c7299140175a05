using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>Blobs and manifests on their way.</summary>
public sealed partial class RegistryClient
{
    /// <summary>Downloads a blob into its ingest, going on after cuts from where it stopped, and commits it verified.</summary>
    public async Task DownloadAsync(BlobIngest ingest, Descriptor blob, Action<long> progress, CancellationToken cancellation)
    {
        for (int attempt = 1; ingest.Offset < blob.Size; attempt++)
        {
            long before = ingest.Offset;
            try { await DownloadRestAsync(ingest, blob, progress, cancellation); }
            catch (Exception error) when (error is HttpRequestException or IOException && !cancellation.IsCancellationRequested)
            {
                // A cut that comes after progress costs no attempt: a long download over a bad line must end.
                if (ingest.Offset > before) attempt = 0;
                if (attempt >= Attempts) throw WharfException.Unavailable($"{_base}v2/{_name.Path}/blobs/{blob.Digest}: {error.Message}", error);
                await Task.Delay(TimeSpan.FromMilliseconds(100 << attempt), cancellation);
            }
        }
        ingest.Commit();
    }

    private async Task DownloadRestAsync(BlobIngest ingest, Descriptor blob, Action<long> progress, CancellationToken cancellation)
    {
        long from = ingest.Offset;
        using var response = await SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, Url("blobs/" + blob.Digest));
            if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            return request;
        }, PullScope, cancellation);
        if (!response.IsSuccessStatusCode)
        {
            var (code, message) = await ErrorAsync(response, cancellation);
            throw response.StatusCode == HttpStatusCode.NotFound ? WharfException.NotFound($"blob {blob.Digest} not found: {code}: {message}") : WharfException.Unavailable($"blob {blob.Digest}: {(int)response.StatusCode}: {code}: {message}");
        }
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        // A registry that knows no ranges begins anew: what is there already is passed over.
        long skip = from > 0 && response.StatusCode != HttpStatusCode.PartialContent ? from : 0;
        var buffer = ArrayPool<byte>.Shared.Rent(128 << 10);
        try
        {
            int count;
            while ((count = await stream.ReadAsync(buffer, cancellation)) > 0)
            {
                int use = (int)Math.Max(0, count - skip);
                if (use > 0) await ingest.AppendAsync(buffer.AsMemory(count - use, use), cancellation);
                skip -= count - use;
                progress(ingest.Offset);
            }
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
        if (ingest.Offset < blob.Size) throw new IOException($"the connection was closed after {ingest.Offset} of {blob.Size} bytes");
    }

    /// <summary>Reads a small blob (a configuration) whole and verified.</summary>
    public async Task<byte[]> BlobAsync(Descriptor blob, long limit, CancellationToken cancellation)
    {
        using var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Get, Url("blobs/" + blob.Digest)), PullScope, cancellation);
        if (!response.IsSuccessStatusCode) throw WharfException.Unavailable($"blob {blob.Digest}: the registry answers {(int)response.StatusCode}");
        var bytes = await ReadLimitedAsync(response.Content, limit, cancellation);
        var digest = blob.Digest.Algorithm == "sha512" ? Digest.FromSha512(System.Security.Cryptography.SHA512.HashData(bytes)) : Digest.OfBytes(bytes);
        return digest == blob.Digest ? bytes : throw WharfException.Invalid($"blob {blob.Digest} verification failed: its bytes have {digest}");
    }

    public async Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation)
    {
        using var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Head, Url("blobs/" + digest)), PushScope, cancellation);
        return response.StatusCode == HttpStatusCode.OK;
    }

    /// <summary>Takes a blob over from another repository of the registry; false when the registry wants it sent.</summary>
    public async Task<bool> MountAsync(Digest digest, string fromRepository, CancellationToken cancellation)
    {
        using var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Post, Url($"blobs/uploads/?mount={Uri.EscapeDataString(digest.ToString())}&from={Uri.EscapeDataString(fromRepository)}")), PushScope, cancellation);
        return response.StatusCode == HttpStatusCode.Created;
    }

    /// <summary>Sends a blob: begins an upload and puts all of it in one request (distribution-spec, "POST then PUT").</summary>
    public async Task UploadAsync(Descriptor blob, Func<Stream> open, Action<long> progress, CancellationToken cancellation)
    {
        Uri location;
        using (var begun = await SendAsync(() => new HttpRequestMessage(HttpMethod.Post, Url("blobs/uploads/")), PushScope, cancellation))
        {
            if (begun.StatusCode != HttpStatusCode.Accepted || begun.Headers.Location is null) throw await PushErrorAsync(begun, cancellation);
            location = new Uri(_base!, begun.Headers.Location);
        }
        if (location.Authority != _base!.Authority && location.Scheme != "https") throw WharfException.Unavailable($"the registry wants the upload sent to {location.Authority} without TLS: refused");
        var query = location.Query.Length > 1 ? location.Query + "&" : "?";
        var target = new UriBuilder(location) { Query = $"{query}digest={Uri.EscapeDataString(blob.Digest.ToString())}" }.Uri;
        await using var stream = open();
        using var request = new HttpRequestMessage(HttpMethod.Put, target) { Content = new StreamContent(new ProgressStream(stream, progress), 128 << 10) };
        request.Content.Headers.ContentLength = blob.Size;
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        if (target.Authority == _base.Authority) request.Headers.Authorization = _auth.HeaderFor(PushScope);
        using var response = await _http.SendAsync(request, cancellation);
        if (response.StatusCode is not (HttpStatusCode.Created or HttpStatusCode.NoContent)) throw await PushErrorAsync(response, cancellation);
    }

    public async Task PutManifestAsync(string reference, byte[] bytes, string mediaType, CancellationToken cancellation)
    {
        using var response = await SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Put, Url("manifests/" + reference)) { Content = new ByteArrayContent(bytes) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
            return request;
        }, PushScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await PushErrorAsync(response, cancellation);
    }

    private async Task<WharfException> PushErrorAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var (code, message) = await ErrorAsync(response, cancellation);
        return response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
            ? new WharfException(ErrorKind.Forbidden, $"{code}: {message}") : WharfException.Unavailable($"the registry answers {(int)response.StatusCode}: {code}: {message}");
    }
}

/// <summary>Tells how much has been read.</summary>
internal sealed class ProgressStream(Stream inner, Action<long> progress) : ReadOnlyStream
{
    private long _read;

    public override int Read(Span<byte> buffer)
    {
        int count = inner.Read(buffer);
        progress(_read += count);
        return count;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken);
        progress(_read += count);
        return count;
    }
}
