using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>Fetching blobs.</summary>
internal sealed partial class RegistryClient
{
    /// <summary>Downloads a blob into its ingest, going on after cuts from where it stopped; the ingest is not committed.</summary>
    public Task DownloadAsync(BlobIngest ingest, Descriptor blob, Action<long> progress, CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        for (int attempt = 1; ingest.Offset < blob.Size; attempt++)
        {
            long before = ingest.Offset;
            try { await DownloadRestAsync(connection, ingest, blob, progress, cancellation); }
            catch (Exception error) when (error is HttpRequestException or IOException && !cancellation.IsCancellationRequested)
            {
                // A cut that comes after progress costs no attempt: a long download over a bad line must end.
                if (ingest.Offset > before) attempt = 0;
                if (attempt >= _options.MaxDownloadAttempts) throw WharfException.Unavailable($"{Url(connection, "blobs/" + blob.Digest)}: {error.Message}", error);
                await Task.Delay(RegistryConnection.Backoff(attempt), cancellation);
            }
        }
        return true;
    }, cancellation);

    private async Task DownloadRestAsync(RegistryConnection connection, BlobIngest ingest, Descriptor blob, Action<long> progress, CancellationToken cancellation)
    {
        long from = ingest.Offset;
        using var response = await connection.SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, Url(connection, "blobs/" + blob.Digest));
            if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            return request;
        }, PullScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await BlobErrorAsync(response, blob, cancellation);
        bool partial = response.StatusCode == HttpStatusCode.PartialContent;
        if (partial && response.Content.Headers.ContentRange is { From: { } start } && start != from) throw new IOException($"asked for bytes from {from}, got them from {start}");
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        // A registry that knows no ranges begins anew: what is there already is passed over.
        long skip = partial ? 0 : from;
        var buffer = ArrayPool<byte>.Shared.Rent(128 << 10);
        try
        {
            int count;
            while ((count = await stream.ReadAsync(buffer, cancellation)) > 0)
            {
                int skipped = (int)Math.Min(skip, count);
                skip -= skipped;
                if (count > skipped) await ingest.AppendAsync(buffer.AsMemory(skipped, count - skipped), cancellation);
                progress(ingest.Offset);
            }
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
        if (ingest.Offset < blob.Size) throw new IOException($"the connection was closed after {ingest.Offset} of {blob.Size} bytes");
    }

    private static async Task<WharfException> BlobErrorAsync(HttpResponseMessage response, Descriptor blob, CancellationToken cancellation)
    {
        var (code, message) = await RegistryConnection.ErrorAsync(response, cancellation);
        return response.StatusCode == HttpStatusCode.NotFound ? WharfException.NotFound($"blob {blob.Digest} not found: {code}: {message}")
            : response.StatusCode == HttpStatusCode.Unauthorized ? new WharfException(ErrorKind.Unauthorized, $"{code}: {message}")
            : WharfException.Unavailable($"blob {blob.Digest}: {(int)response.StatusCode}: {code}: {message}");
    }

    /// <summary>Reads a small blob (a configuration) whole and verified.</summary>
    public Task<byte[]> BlobAsync(Descriptor blob, long limit, CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        if (blob.Size > limit) throw WharfException.Invalid($"blob {blob.Digest} has {blob.Size} bytes, at most {limit} are read");
        using var response = await connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, Url(connection, "blobs/" + blob.Digest)), PullScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await BlobErrorAsync(response, blob, cancellation);
        var bytes = await RegistryConnection.ReadLimitedAsync(response.Content, limit, cancellation);
        var digest = blob.Digest.Algorithm == "sha512" ? Digest.FromSha512(System.Security.Cryptography.SHA512.HashData(bytes)) : Digest.OfBytes(bytes);
        if (digest != blob.Digest) throw WharfException.Invalid($"blob {blob.Digest} verification failed: its bytes have {digest}");
        return bytes.Length == blob.Size ? bytes : throw WharfException.Invalid($"blob {blob.Digest} has {bytes.Length} bytes, its descriptor says {blob.Size}");
    }, cancellation);
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

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
