using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Microsoft.Win32.SafeHandles;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Mirror;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Api;

/// <summary>GET, HEAD and DELETE of blobs (distribution-spec end-2, end-10), with ranges and conditions (RFC 9110).</summary>
public sealed class BlobsApi(RegistryStore store, RegistryRules rules)
{
    private const int Piece = 256 << 10;

    public async Task GetAsync(RegistryRequest request)
    {
        var digest = RegistryRequest.ParseDigest(request.Route.Reference);
        if (rules.Mirror is { } mirror && await AnswerFromUpstreamAsync(request, mirror, digest)) return;
        var blob = await store.FindBlobAsync(request.Name, digest, request.Cancellation) ?? throw new RegistryException(RegistryErrorCode.BlobUnknown, detail: digest.ToString());
        var response = request.Http.Response;
        var tag = Describe(request, digest);
        if (EntityTags.Match(request.Http.Request.Headers.IfNoneMatch, tag))
        {
            await request.EmptyAsync(StatusCodes.Status304NotModified);
            return;
        }
        // RFC 9110 section 14.2: a range means something in a GET alone.
        var (from, length, isPart) = request.IsHead ? (0, blob.Size, false) : RangeOf(request.Http.Request, tag, blob.Size);
        response.ContentType = "application/octet-stream";
        response.ContentLength = length;
        if (isPart) Partial(request, from, length, blob.Size);
        if (request.IsHead) return;
        if (store.Objects is IRedirects redirects && redirects.RedirectFor(Keys.Blob(digest)) is { } elsewhere)
        {
            response.Headers.ContentRange = default;
            response.Headers.Location = elsewhere.ToString();
            response.StatusCode = StatusCodes.Status307TemporaryRedirect;
            response.ContentLength = 0;
            return;
        }
        rules.Metrics.BlobsPulled.Add(1);
        await SendAsync(request, Keys.Blob(digest), from, length);
    }

    private static void Partial(RegistryRequest request, long from, long length, long size)
    {
        request.Http.Response.StatusCode = StatusCodes.Status206PartialContent;
        request.Header("Content-Range", $"bytes {from}-{from + length - 1}/{size}");
    }

    /// <summary>Headers that any answer about a blob has; gives its entity tag.</summary>
    private static string Describe(RegistryRequest request, Digest digest)
    {
        var tag = $"\"{digest}\"";
        request.Header("Docker-Content-Digest", digest.ToString());
        request.Header("Accept-Ranges", "bytes");
        request.Header("ETag", tag);
        request.Header("Cache-Control", "max-age=31536000");
        return tag;
    }

    /// <summary>
    /// What only an upstream has is sent on while it comes, a part as soon as that has come. False when the blob is here now.
    /// </summary>
    private async Task<bool> AnswerFromUpstreamAsync(RegistryRequest request, MirrorService mirror, Digest digest)
    {
        var headers = request.Http.Request.Headers;
        var response = request.Http.Response;
        if (request.IsHead)
        {
            if (await mirror.SizeAtUpstreamAsync(request.Name, digest, request.Cancellation) is not { } told) return false;
            Describe(request, digest);
            (response.ContentType, response.ContentLength) = ("application/octet-stream", told);
            return true;
        }
        if (headers.IfNoneMatch.Count > 0)
        {
            await mirror.EnsureBlobAsync(request.Name, digest, request.Cancellation);
            return false;
        }
        if (await mirror.OpenComingAsync(request.Name, digest, request.Cancellation) is not var (coming, size)) return false;
        using var file = coming.TryOpen();
        if (file is null)
        {
            // It has its last name already, and is the repository's in a moment.
            await mirror.EnsureBlobAsync(request.Name, digest, request.Cancellation);
            return false;
        }
        var (from, length, isPart) = RangeOf(request.Http.Request, Describe(request, digest), size);
        (response.ContentType, response.ContentLength) = ("application/octet-stream", length);
        if (isPart) Partial(request, from, length, size);
        rules.Metrics.BlobsPulled.Add(1);
        await coming.CopyToAsync(file, from, length, size, response.BodyWriter, count => rules.Metrics.BytesSent.Add(count), request.Cancellation);
        return true;
    }

    /// <summary>The one range a request asks for. Several, malformed ones and those of another entity give the whole, as RFC 9110 allows.</summary>
    private static (long From, long Length, bool IsPart) RangeOf(HttpRequest request, string tag, long size)
    {
        var text = request.Headers.Range.ToString();
        if (text == "" || !RangeHeaderValue.TryParse(text, out var header) || header.Unit != "bytes" || header.Ranges.Count != 1) return (0, size, false);
        if (request.Headers.IfRange.Count > 0 && request.Headers.IfRange.ToString() != tag) return (0, size, false);
        var range = header.Ranges.First();
        long from = range.From ?? Math.Max(0, size - (range.To ?? 0));
        long to = range.From is null ? size - 1 : Math.Min(range.To ?? size - 1, size - 1);
        if (from > to || from >= size) throw new RegistryException(RegistryErrorCode.RangeNotSatisfiable).With("Content-Range", $"bytes */{size.ToString(CultureInfo.InvariantCulture)}");
        return (from, to - from + 1, true);
    }

    private async Task SendAsync(RegistryRequest request, string key, long from, long length)
    {
        if (store.Objects.LocalPath(key) is { } path)
        {
            SafeFileHandle file;
            try { file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.Asynchronous); }
            catch (FileNotFoundException) { throw new RegistryException(RegistryErrorCode.BlobUnknown); }
            using (file) await SendFileAsync(request, file, from, length);
            return;
        }
        await using var stream = await store.Objects.OpenReadAsync(key, from, length, request.Cancellation) ?? throw new RegistryException(RegistryErrorCode.BlobUnknown);
        await stream.CopyToAsync(request.Http.Response.Body, Piece, request.Cancellation);
    }

    /// <summary>From the page cache into the connection's buffer, or without TLS into its socket, a piece at a time: what the client does not take is not read.</summary>
    private async Task SendFileAsync(RegistryRequest request, SafeFileHandle file, long from, long length)
    {
        var writer = request.Http.Response.BodyWriter;
        if (length >= Piece && request.Http.Features.Get<SocketOutput>() is { } output)
        {
            await SubstituteAsync(request, output, file, from, length);
            return;
        }
        while (length > 0)
        {
            var buffer = writer.GetMemory((int)Math.Min(length, Piece));
            if (buffer.Length > length) buffer = buffer[..(int)length];
            int count = RandomAccess.Read(file, buffer.Span, from);
            if (count == 0) throw new EndOfStreamException("the blob's file is shorter than it was");
            writer.Advance(count);
            rules.Metrics.BytesSent.Add(count);
            (from, length) = (from + count, length - count);
            await writer.FlushAsync(request.Cancellation);
        }
    }

    private async Task SubstituteAsync(RegistryRequest request, SocketOutput output, SafeFileHandle file, long from, long length)
    {
        var writer = request.Http.Response.BodyWriter;
        await request.Http.Response.StartAsync(request.Cancellation);
        await writer.FlushAsync(request.Cancellation);
        output.Substitute(file, from, length);
        while (length > 0)
        {
            int count = (int)Math.Min(length, writer.GetMemory(1).Length);
            writer.Advance(count);
            length -= count;
            rules.Metrics.BytesSent.Add(count);
            await writer.FlushAsync(request.Cancellation);
            if (output.Failure is { } failure) throw new IOException("the blob was not sent whole", failure);
            request.Cancellation.ThrowIfCancellationRequested();
        }
    }

    public async Task DeleteAsync(RegistryRequest request)
    {
        rules.CheckDeletesAllowed();
        var digest = RegistryRequest.ParseDigest(request.Route.Reference);
        await store.DeleteBlobAsync(request.Name, digest, request.Cancellation);
        rules.Report(request, "delete", digest, null);
        request.Header("Docker-Content-Digest", digest.ToString());
        await request.EmptyAsync(StatusCodes.Status202Accepted);
    }
}

/// <summary>Conditions on entity tags.</summary>
internal static class EntityTags
{
    /// <summary>True when the header lists the tag, or <c>*</c>. Docker's own client leaves the quotes out.</summary>
    public static bool Match(Microsoft.Extensions.Primitives.StringValues header, string tag)
    {
        foreach (var value in header)
            foreach (var part in (value ?? "").Split(',', StringSplitOptions.TrimEntries))
                if (part == "*" || part == tag || part == tag.Trim('"') || part == "W/" + tag) return true;
        return false;
    }
}
