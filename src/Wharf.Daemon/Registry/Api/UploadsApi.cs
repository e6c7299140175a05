using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Wharf.Daemon.Registry.Auth;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Api;

/// <summary>Pushing blobs: whole, in chunks, by mount (distribution-spec end-4 to end-6, end-11, end-13).</summary>
public sealed partial class UploadsApi(RegistryStore store, RegistryRules rules)
{
    /// <summary>Begins an upload; with <c>mount</c> takes a blob over from another repository, with <c>digest</c> takes it whole from this request.</summary>
    public async Task BeginAsync(RegistryRequest request)
    {
        rules.CheckMayGrow(request.Name);
        if (request.Query("mount") is { Length: > 0 } mount)
        {
            // Who may read a blob elsewhere may mount it; "from" is optional. A digest that is none begins an upload, as 202 says.
            var from = request.Query("from") is { Length: > 0 } name && RegistryRoute.IsValidName(name) ? name : null;
            if (Digest.TryParse(mount, out var mounted) && await store.MountAsync(request.Name, mounted, from, other => request.Identity.May(RegistryAction.Read, other), request.Cancellation))
            {
                rules.Report(request, "mount", mounted, null);
                await CreatedAsync(request, mounted);
                return;
            }
        }
        var digest = request.Query("digest") is { Length: > 0 } text ? RegistryRequest.ParseDigest(text) : (Digest?)null;
        if (digest is null && request.Query("digest-algorithm") is { Length: > 0 } algorithm && algorithm is not ("sha256" or "sha512"))
            throw new RegistryException(RegistryErrorCode.DigestInvalid, "unsupported digest algorithm");
        var upload = digest is null ? await store.Uploads.BeginAsync(request.Name, request.Cancellation) : store.Uploads.Begin(request.Name);
        if ((digest?.Algorithm ?? request.Query("digest-algorithm")) is "sha512") await upload.UseAlgorithmAsync("sha512", request.Cancellation);
        if (digest is { } whole)
        {
            await WriteAsync(request, upload, whole);
            return;
        }
        Where(request, upload);
        await request.EmptyAsync(StatusCodes.Status202Accepted);
    }

    public async Task StatusAsync(RegistryRequest request)
    {
        var upload = await store.Uploads.FindAsync(request.Name, request.Route.Reference, request.Cancellation);
        Where(request, upload);
        await request.EmptyAsync(StatusCodes.Status204NoContent);
    }

    /// <summary>A chunk. Without Content-Range the body goes where the upload stands.</summary>
    public async Task PatchAsync(RegistryRequest request)
    {
        var upload = await store.Uploads.FindAsync(request.Name, request.Route.Reference, request.Cancellation);
        using var gate = Enter(upload);
        CheckChunk(request, upload);
        try { await AppendAsync(request, upload); }
        finally { await store.Uploads.SaveAsync(upload, CancellationToken.None); }
        Where(request, upload);
        await request.EmptyAsync(StatusCodes.Status202Accepted);
    }

    /// <summary>Ends an upload, with the last bytes in the body or none.</summary>
    public async Task PutAsync(RegistryRequest request)
    {
        var upload = await store.Uploads.FindAsync(request.Name, request.Route.Reference, request.Cancellation);
        if (request.Query("digest") is not { Length: > 0 } text) throw new RegistryException(RegistryErrorCode.DigestInvalid, "digest missing");
        await WriteAsync(request, upload, RegistryRequest.ParseDigest(text));
    }

    private async Task WriteAsync(RegistryRequest request, Upload upload, Digest digest)
    {
        using var gate = Enter(upload);
        CheckChunk(request, upload);
        // Known before the bytes come, the algorithm costs no second reading.
        await upload.UseAlgorithmAsync(digest.Algorithm, request.Cancellation);
        rules.CheckMayGrow(request.Name, upload.Offset + (request.Http.Request.ContentLength ?? 0));
        await AppendAsync(request, upload);
        long size = upload.Offset;
        rules.CheckMayGrow(request.Name, size);
        await store.CommitAsync(upload, digest, request.Cancellation);
        rules.Metrics.BlobsPushed.Add(1);
        rules.Grew(request.Name, size);
        await CreatedAsync(request, digest);
    }

    public async Task CancelAsync(RegistryRequest request)
    {
        var upload = await store.Uploads.FindAsync(request.Name, request.Route.Reference, request.Cancellation);
        using var gate = Enter(upload);
        await store.Uploads.EndAsync(upload);
        await request.EmptyAsync(StatusCodes.Status204NoContent);
    }

    private static Gate Enter(Upload upload) => upload.Gate.Wait(0) ? new Gate(upload) : throw new RegistryException(RegistryErrorCode.Busy);

    private sealed class Gate(Upload upload) : IDisposable
    {
        public void Dispose() => upload.Gate.Release();
    }

    private async Task AppendAsync(RegistryRequest request, Upload upload)
    {
        if (request.Http.Request.ContentLength > store.Limits.MaxBlob - upload.Offset) throw new RegistryException(RegistryErrorCode.BlobTooLarge, $"blobs are limited to {store.Limits.MaxBlob} bytes");
        long before = upload.Offset;
        await upload.AppendAsync(request.Http.Request.BodyReader, store.Limits.MaxBlob, request.Cancellation);
        rules.Metrics.BytesReceived.Add(upload.Offset - before);
    }

    /// <summary>A chunk must begin where the upload stands and be as long as it says; else 416 or SIZE_INVALID, telling where it stands.</summary>
    private static void CheckChunk(RegistryRequest request, Upload upload)
    {
        var text = request.Http.Request.Headers.ContentRange.ToString();
        if (text == "") return;
        var match = ContentRange().Match(text);
        if (!match.Success || !long.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out long start) || !long.TryParse(match.Groups[2].Value, NumberStyles.None, CultureInfo.InvariantCulture, out long end) || end < start)
            throw new RegistryException(RegistryErrorCode.RangeInvalid, "malformed Content-Range").With("Location", LocationOf(upload)).With("Range", RangeOf(upload)).With("Docker-Upload-UUID", upload.Id);
        if (start != upload.Offset) throw new RegistryException(RegistryErrorCode.RangeInvalid).With("Location", LocationOf(upload)).With("Range", RangeOf(upload)).With("Docker-Upload-UUID", upload.Id);
        if (request.Http.Request.ContentLength is { } length && length != end - start + 1) throw new RegistryException(RegistryErrorCode.SizeInvalid, "Content-Range and Content-Length do not fit each other");
    }

    private static string LocationOf(Upload upload) => $"/v2/{upload.Name}/blobs/uploads/{upload.Id}";

    /// <summary>The last byte's position is inclusive, so that nothing received looks like one byte: clients know.</summary>
    private static string RangeOf(Upload upload) => $"0-{Math.Max(0, upload.Offset - 1)}";

    private static void Where(RegistryRequest request, Upload upload)
    {
        request.Header("Location", LocationOf(upload));
        request.Header("Range", RangeOf(upload));
        request.Header("Docker-Upload-UUID", upload.Id);
    }

    private static Task CreatedAsync(RegistryRequest request, Digest digest)
    {
        request.Header("Location", $"/v2/{request.Name}/blobs/{digest}");
        request.Header("Docker-Content-Digest", digest.ToString());
        return request.EmptyAsync(StatusCodes.Status201Created);
    }

    // The specification's form is start-end; RFC 9110's "bytes start-end/total" is what some clients send.
    [GeneratedRegex(@"^(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:/(?:[0-9]+|\*))?\z", RegexOptions.CultureInvariant)] private static partial Regex ContentRange();
}
