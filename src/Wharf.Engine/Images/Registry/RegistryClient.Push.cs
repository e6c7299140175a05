using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>Where an upload that has begun is remembered.</summary>
internal interface IUploadNote : IDisposable
{
    /// <summary>The upload's URL at the registry, as it last told it; null for none.</summary>
    string? Location { get; set; }
}

/// <summary>Sending blobs and manifests.</summary>
internal sealed partial class RegistryClient
{
    private RegistryConnection Target => _connections[^1];

    public async Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation)
    {
        using var response = await Target.SendAsync(() => new HttpRequestMessage(HttpMethod.Head, Url(Target, "blobs/" + digest)), PushScope, cancellation);
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden) throw await PushErrorAsync(response, cancellation);
        return response.StatusCode == HttpStatusCode.OK;
    }

    public async Task<bool> HasManifestAsync(Digest digest, CancellationToken cancellation)
    {
        using var response = await Target.SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Head, Url(Target, "manifests/" + digest));
            foreach (var accepted in ManifestTypes) request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accepted));
            return request;
        }, PushScope, cancellation);
        return response.StatusCode == HttpStatusCode.OK;
    }

    /// <summary>Takes a blob over from another repository of the registry; false when the registry wants it sent.</summary>
    public async Task<bool> MountAsync(Digest digest, string fromRepository, CancellationToken cancellation)
    {
        using var response = await Target.SendAsync(() => new HttpRequestMessage(HttpMethod.Post, Url(Target, $"blobs/uploads/?mount={Uri.EscapeDataString(digest.ToString())}&from={Uri.EscapeDataString(fromRepository)}")), PushScope, cancellation);
        if (response.StatusCode == HttpStatusCode.Created) return true;
        // It has begun an upload instead; without use it is given up.
        if (response.StatusCode == HttpStatusCode.Accepted && response.Headers.Location is { } location)
        {
            using var cancel = new HttpRequestMessage(HttpMethod.Delete, Checked(location));
            try { using var _ = await Target.SendOnceAsync(cancel, PushScope, cancellation); }
            catch (HttpRequestException) { /* the registry forgets it in time */ }
        }
        return false;
    }

    private Uri Checked(Uri location)
    {
        var url = new Uri(Target.Base, location);
        if (url.Authority != Target.Base.Authority && url.Scheme != "https") throw WharfException.Unavailable($"the registry wants the upload sent to {url.Authority} without TLS: refused");
        return url;
    }

    private async Task<Uri> BeginAsync(CancellationToken cancellation)
    {
        using var begun = await Target.SendAsync(() => new HttpRequestMessage(HttpMethod.Post, Url(Target, "blobs/uploads/")), PushScope, cancellation);
        if (begun.StatusCode != HttpStatusCode.Accepted || begun.Headers.Location is not { } location) throw await PushErrorAsync(begun, cancellation);
        return Checked(location);
    }

    /// <summary>
    /// Sends a blob that is made while it is sent: <paramref name="write"/> writes all of it, the same bytes each time it is called. Its digest
    /// and size are known at the end. After a cut the registry is asked how much it has, and only the rest is sent; so it is after a daemon's death
    /// where <paramref name="begun"/> still knows the upload.
    /// </summary>
    public async Task<Descriptor> UploadAsync(Func<Stream, CancellationToken, Task> write, IUploadNote begun, Action<long> progress, CancellationToken cancellation)
    {
        var last = begun.Location is { } noted && Uri.TryCreate(noted, UriKind.Absolute, out var at) && at.Authority == Target.Base.Authority ? await ReceivedAsync(Checked(at), cancellation) : null;
        if (last is not { Offset: > 0 } resumed) return await UploadAsync(write, begun, (await BeginAsync(cancellation), 0), progress, cancellation);
        try { return await UploadAsync(write, begun, resumed, progress, cancellation); }
        catch (WharfException error) when (!cancellation.IsCancellationRequested)
        {
            // What it has may be another daemon's rendering of the same layer: then all is sent anew.
            Log.UploadBegunAnew(_log, _name.Repository, error.Message);
            return await UploadAsync(write, begun, (await BeginAsync(cancellation), 0), progress, cancellation);
        }
    }

    private async Task<Descriptor> UploadAsync(Func<Stream, CancellationToken, Task> write, IUploadNote begun, (Uri Location, long Offset) start, Action<long> progress, CancellationToken cancellation)
    {
        var (location, offset) = start;
        long furthest = offset;
        for (int attempt = 1; ; attempt++)
        {
            begun.Location = location.ToString();
            using var content = new UploadContent(write, offset, progress, cancellation);
            using var request = new HttpRequestMessage(HttpMethod.Patch, location) { Content = content };
            try
            {
                using var response = await Target.SendOnceAsync(request, PushScope, cancellation);
                if (response.StatusCode is not (HttpStatusCode.Accepted or HttpStatusCode.NoContent or HttpStatusCode.Created)) throw await PushErrorAsync(response, cancellation);
                if (response.Headers.Location is { } next) location = Checked(next);
                var blob = new Descriptor { Digest = content.Digest, Size = content.Size };
                await FinishAsync(location, blob.Digest, null, cancellation);
                begun.Location = null;
                return blob;
            }
            catch (Exception error) when (error is HttpRequestException or IOException && !cancellation.IsCancellationRequested)
            {
                if (content.Failure is { } failure) throw failure;
                if (attempt >= _options.MaxDownloadAttempts) throw WharfException.Unavailable($"{Target.Base}v2/{_name.Path}/blobs/uploads/: {error.Message}", error);
                await Task.Delay(RegistryConnection.Backoff(attempt), cancellation);
                if (await ReceivedAsync(location, cancellation) is { } received) (location, offset) = received;
                else (location, offset) = (await BeginAsync(cancellation), 0);
                if (offset > furthest) (furthest, attempt) = (offset, 0);
            }
        }
    }

    /// <summary>Asks how much of an upload has come (distribution-spec, "Getting the upload status"); null when the registry has forgotten it.</summary>
    private async Task<(Uri Location, long Offset)?> ReceivedAsync(Uri location, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, location);
        try
        {
            using var response = await Target.SendOnceAsync(request, PushScope, cancellation);
            if (response.StatusCode is not (HttpStatusCode.NoContent or HttpStatusCode.Accepted) || !response.Headers.TryGetValues("Range", out var ranges)) return null;
            var end = ranges.First().Split('-');
            if (end.Length != 2 || !long.TryParse(end[1], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out long last)) return null;
            // "0-0" stands for one byte and for none; none is the safe reading.
            return (response.Headers.Location is { } next ? Checked(next) : location, last == 0 ? 0 : last + 1);
        }
        catch (HttpRequestException) { return null; }
    }

    private async Task FinishAsync(Uri location, Digest digest, HttpContent? content, CancellationToken cancellation)
    {
        var query = location.Query.Length > 1 ? location.Query + "&" : "?";
        using var request = new HttpRequestMessage(HttpMethod.Put, new UriBuilder(location) { Query = $"{query}digest={Uri.EscapeDataString(digest.ToString())}" }.Uri) { Content = content ?? new ByteArrayContent([]) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using var response = await Target.SendOnceAsync(request, PushScope, cancellation);
        if (response.StatusCode is not (HttpStatusCode.Created or HttpStatusCode.NoContent)) throw await PushErrorAsync(response, cancellation);
    }

    /// <summary>Sends a blob that is at hand in one request (distribution-spec, "POST then PUT"). After a cut it is opened anew and sent from its beginning.</summary>
    public async Task UploadAsync(Descriptor blob, Func<CancellationToken, Task<Stream>> open, Action<long> progress, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            var location = await BeginAsync(cancellation);
            await using var stream = await open(cancellation);
            var content = new StreamContent(new ProgressStream(stream, progress), 128 << 10);
            content.Headers.ContentLength = blob.Size;
            try
            {
                await FinishAsync(location, blob.Digest, content, cancellation);
                return;
            }
            catch (Exception error) when (error is HttpRequestException or IOException && !cancellation.IsCancellationRequested)
            {
                if (attempt >= _options.MaxDownloadAttempts) throw WharfException.Unavailable($"{Target.Base}v2/{_name.Path}/blobs/uploads/: {error.Message}", error);
                await Task.Delay(RegistryConnection.Backoff(attempt), cancellation);
            }
        }
    }

    /// <summary>Sends a manifest. One with a subject is added to the subject's referrers where the registry does not do that itself.</summary>
    public async Task PutManifestAsync(string reference, byte[] bytes, string mediaType, CancellationToken cancellation)
    {
        using var response = await Target.SendAsync(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Put, Url(Target, "manifests/" + reference)) { Content = new ByteArrayContent(bytes) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
            return request;
        }, PushScope, cancellation);
        if (!response.IsSuccessStatusCode) throw await PushErrorAsync(response, cancellation);
        if (ManifestDocuments.SubjectOf(bytes) is { } subject && !response.Headers.Contains("OCI-Subject")) await AddReferrerAsync(subject.Digest, bytes, mediaType, cancellation);
    }

    private static async Task<WharfException> PushErrorAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var (code, message) = await RegistryConnection.ErrorAsync(response, cancellation);
        return response.StatusCode switch
        {
            HttpStatusCode.Unauthorized when code == "denied" => new WharfException(ErrorKind.Forbidden, $"{code}: {message}"),
            HttpStatusCode.Unauthorized => new WharfException(ErrorKind.Unauthorized, $"{code}: {message}"),
            HttpStatusCode.Forbidden => new WharfException(ErrorKind.Forbidden, $"{code}: {message}"),
            _ => WharfException.Unavailable(code == "unknown" ? message : $"{code}: {message}"),
        };
    }

    /// <summary>The body of an upload: digests all that is written and passes on what lies behind the offset.</summary>
    private sealed class UploadContent(Func<Stream, CancellationToken, Task> write, long offset, Action<long> progress, CancellationToken cancellation) : HttpContent
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public Digest Digest { get; private set; }
        public long Size { get; private set; }
        /// <summary>What went wrong in making the content, not in sending it.</summary>
        public Exception? Failure { get; private set; }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await using var counting = new Output(stream, this);
            try { await write(counting, cancellation); }
            catch (Exception error) when (error is not (HttpRequestException or OperationCanceledException) && !counting.Failed)
            {
                Failure = error;
                throw;
            }
            Digest = Digest.FromSha256(_hash.GetHashAndReset());
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) _hash.Dispose();
            base.Dispose(disposing);
        }

        private sealed class Output(Stream inner, UploadContent owner) : WriteOnlyStream
        {
            public bool Failed { get; private set; }

            public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
            {
                owner._hash.AppendData(buffer.Span);
                long start = owner.Size;
                owner.Size += buffer.Length;
                if (owner.Size <= owner.Offset) return;
                try { await inner.WriteAsync(buffer[(int)Math.Max(0, owner.Offset - start)..], cancellationToken); }
                catch
                {
                    Failed = true;
                    throw;
                }
                owner.Progress(owner.Size);
            }
        }

        private long Offset => offset;
        private void Progress(long size) => progress(size);
    }
}
