using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>Fetching blobs.</summary>
internal sealed partial class RegistryClient
{
    // A line on which the rest of a big blob would take longer than this, as its first second went, is helped by others.
    private const long SplitFrom = 32L << 20, LeastRest = 16L << 20;
    private static readonly TimeSpan SplitAfter = TimeSpan.FromSeconds(1), LongRest = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Downloads a blob into its ingest, going on after cuts from where it stopped; the ingest is not committed. A big one that comes slowly is fetched over several connections, as many
    /// as there are slots that no layer waits for.
    /// </summary>
    public Task DownloadAsync(BlobIngest ingest, Descriptor blob, Action<long> progress, TransferSlots slots, CancellationToken cancellation) => WithEndpointAsync(async connection =>
    {
        await using var others = new PartFetchers(connection, Url(connection, "blobs/" + blob.Digest), PullScope, ingest.Parts, slots, _options.MaxDownloadAttempts, _log, cancellation);
        for (int attempt = 1; ingest.Offset < blob.Size; attempt++)
        {
            long before = ingest.Offset;
            try
            {
                if (ingest.Parts.At(ingest.Offset) is not { } part) await DownloadGapAsync(connection, ingest, blob, progress, others, cancellation);
                else
                {
                    if (part.IsOpen) others.StartInPlace(ingest.Offset);
                    await ingest.TakeAsync(part, progress, cancellation);
                }
                attempt = 0;
            }
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

    /// <summary>Fetches up to where the next part begins, which may be nearer at the end than at the start.</summary>
    private async Task DownloadGapAsync(RegistryConnection connection, BlobIngest ingest, Descriptor blob, Action<long> progress, PartFetchers others, CancellationToken cancellation)
    {
        long from = ingest.Offset, end = ingest.Parts.GapEnd(from);
        using var response = await connection.SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, Url(connection, "blobs/" + blob.Digest));
            if (from > 0 || end < blob.Size) request.Headers.Range = new RangeHeaderValue(from, end < blob.Size ? end - 1 : null);
            return request;
        }, PullScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await BlobErrorAsync(response, blob, cancellation);
        var watch = Stopwatch.StartNew();
        // A registry that knows no ranges begins anew: what is there already is passed over.
        await BlobStream.CopyAsync(response, from, response.StatusCode == HttpStatusCode.PartialContent ? 0 : from, async (bytes, stop) =>
        {
            end = ingest.Parts.GapEnd(from);
            // Up to the blob's own end all that comes is taken: more than there should be is refused.
            await ingest.AppendAsync(end < blob.Size ? bytes[..(int)Math.Clamp(end - ingest.Offset, 0, bytes.Length)] : bytes, stop);
            progress(ingest.Offset);
            if (watch.Elapsed > SplitAfter) Split(blob, ingest.Offset, (ingest.Offset - from) / watch.Elapsed.TotalSeconds, others);
            return end == blob.Size || ingest.Offset < end;
        }, cancellation);
        if (ingest.Offset < end) throw new IOException($"the connection was closed after {ingest.Offset} of {blob.Size} bytes");
    }

    /// <summary>Has others fetch what lies beyond the bytes of this connection's next second, if the rest would take long.</summary>
    private static void Split(Descriptor blob, long offset, double perSecond, PartFetchers others)
    {
        long rest = blob.Size - offset;
        if (blob.Size >= SplitFrom && rest >= LeastRest && rest > perSecond * LongRest.TotalSeconds) others.Start(offset + Math.Max(1 << 20, (long)perSecond));
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
