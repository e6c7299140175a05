using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Observing;
using Wharf.Daemon.Registry.Storage;
using Wharf.Engine;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Mirror;

/// <summary>
/// Repositories that come from other registries: fetched when asked for, or on schedule, and kept. When an upstream does not answer, what
/// is here is served. Everybody who waits for the same thing waits for one fetch.
/// </summary>
public sealed partial class MirrorService : IAsyncDisposable
{
    private sealed record Upstream(string Prefix, string Url, string Domain, bool IsPlain, Wharf.Specs.DockerApi.AuthConfig? Credentials, TimeSpan Ttl, TimeSpan Interval, List<(string Name, Regex Tags)> Scheduled)
    {
        /// <summary>The repository's name at the upstream; null when the name is not under the prefix.</summary>
        public string? RemoteName(string name) => Prefix == "" ? name : name.StartsWith(Prefix + "/", StringComparison.Ordinal) ? name[(Prefix.Length + 1)..] : null;
        public string LocalName(string remote) => Prefix == "" ? remote : Prefix + "/" + remote;
    }

    private readonly RegistryStore _store;
    private readonly RegistryMetrics _metrics;
    private readonly ILogger _log;
    private readonly List<Upstream> _upstreams;
    private readonly ConcurrentDictionary<string, Lazy<Task>> _flights = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Lazy<ComingBlob>> _blobs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _fresh = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _workers = [];

    public MirrorService(IReadOnlyList<MirrorConfig> configs, RegistryStore store, RegistryMetrics metrics, ILogger log)
    {
        (_store, _metrics, _log) = (store, metrics, log);
        // The longest prefix that fits counts.
        _upstreams = [.. configs.Select(Read).OrderByDescending(upstream => upstream.Prefix.Length)];
    }

    private static Upstream Read(MirrorConfig config)
    {
        if (!Uri.TryCreate(config.Upstream, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.AbsolutePath != "/") throw WharfException.Invalid($"mirrors: invalid upstream \"{config.Upstream}\": expected https://host[:port]");
        if (config.Prefix != "" && !RegistryRoute.IsValidName(config.Prefix)) throw WharfException.Invalid($"mirrors: invalid prefix \"{config.Prefix}\"");
        var credentials = config.Username is { } user ? new Wharf.Specs.DockerApi.AuthConfig { Username = user, Password = config.PasswordFile is { } file ? File.ReadAllText(file).TrimEnd('\n', '\r') : "" } : null;
        return new Upstream(config.Prefix, config.Upstream, url.Authority, url.Scheme == "http", credentials, ConfigText.Duration(config.Ttl, "mirrors.ttl"), ConfigText.Duration(config.Interval, "mirrors.interval"),
            [.. config.Repositories.Select(repository => (repository.Name, ConfigText.TagPattern(repository.Tags, "mirrors.repositories.tags")))]);
    }

    public bool Owns(string name) => Find(name) is not null;

    private (Upstream Upstream, string Remote)? Find(string name)
    {
        foreach (var upstream in _upstreams) if (upstream.RemoteName(name) is { } remote) return (upstream, remote);
        return null;
    }

    /// <summary>Sees to it that a manifest is here and fresh, as far as its upstream answers.</summary>
    public async Task EnsureManifestAsync(string name, string reference, CancellationToken cancellation)
    {
        if (Find(name) is not var (upstream, remote)) return;
        bool isTag = !reference.Contains(':');
        var present = await _store.FindManifestAsync(name, reference, cancellation);
        var key = $"{name}:{reference}";
        if (present is not null && (!isTag || _fresh.TryGetValue(key, out var at) && DateTimeOffset.UtcNow - at < upstream.Ttl))
        {
            _metrics.MirrorHits.Add(1);
            return;
        }
        try { await OnceAsync(key, token => FetchManifestAsync(upstream, remote, name, reference, present, token)).WaitAsync(cancellation); }
        catch (Exception error) when (!cancellation.IsCancellationRequested && error is HttpRequestException or IOException or OperationCanceledException or WharfException { Kind: not ErrorKind.NotFound })
        {
            Failed(upstream, name, error);
            if (present is null) throw new RegistryException(RegistryErrorCode.Unavailable with { Status = 502 }, $"the upstream {upstream.Domain} does not answer: {error.Message}", inner: error);
        }
    }

    private async Task FetchManifestAsync(Upstream upstream, string remote, string name, string reference, ManifestRecord? present, CancellationToken cancellation)
    {
        using var client = Connect(upstream, remote);
        bool isTag = !reference.Contains(':');
        // Asking for the digest alone is cheap, and does not count as a pull where pulls are counted.
        if (!isTag || present is null || await client.ManifestDigestAsync(reference, cancellation) != present.Digest)
        {
            _metrics.MirrorFetches.Add(1);
            var (bytes, mediaType, digest) = await client.ManifestAsync(reference, cancellation);
            var document = ManifestDocument.Parse(bytes, mediaType);
            var record = new ManifestRecord
            {
                Digest = digest, MediaType = document.MediaType, Size = bytes.Length, ArtifactType = document.ArtifactType, Subject = document.Subject, Config = document.Config, Annotations = document.Annotations,
                References = [.. document.References.Select(child => child.Digest).Distinct()], Pushed = DateTimeOffset.UtcNow, By = upstream.Url,
            };
            await _store.PutMirroredAsync(name, record, bytes, isTag ? reference : null, cancellation);
        }
        if (isTag) _fresh[$"{name}:{reference}"] = DateTimeOffset.UtcNow;
    }

    /// <summary>Sees to it that a blob is here, whole.</summary>
    public async Task EnsureBlobAsync(string name, Digest digest, CancellationToken cancellation)
    {
        if (await FindComingAsync(name, digest, cancellation) is { } coming) await AnsweredAsync(name, digest, coming.Whole, cancellation);
    }

    /// <summary>A blob that is on its way from its upstream, and its size; null when it is here, or no upstream's, or to be waited for.</summary>
    public async Task<(ComingBlob Blob, long Size)?> OpenComingAsync(string name, Digest digest, CancellationToken cancellation)
    {
        if (await FindComingAsync(name, digest, cancellation) is not { } coming) return null;
        if (await AnsweredAsync(name, digest, coming.Size, cancellation) is { } size && size <= _store.Limits.MaxBlob) return (coming, size);
        await AnsweredAsync(name, digest, coming.Whole, cancellation);
        return null;
    }

    /// <summary>The size of a blob that only the upstream has, which is not fetched for that; null when it is here, or not an upstream's, or not told.</summary>
    public async Task<long?> SizeAtUpstreamAsync(string name, Digest digest, CancellationToken cancellation)
    {
        if (Find(name) is not var (upstream, remote) || await _store.FindBlobAsync(name, digest, cancellation) is not null) return null;
        using var client = Connect(upstream, remote);
        return await AnsweredAsync(name, digest, client.BlobSizeAsync(digest, cancellation), cancellation);
    }

    private async Task<ComingBlob?> FindComingAsync(string name, Digest digest, CancellationToken cancellation)
    {
        if (Find(name) is not var (upstream, remote)) return null;
        if (await _store.FindBlobAsync(name, digest, cancellation) is not null)
        {
            _metrics.MirrorHits.Add(1);
            return null;
        }
        var key = $"{name}@{digest}";
        return _blobs.GetOrAdd(key, _ => new Lazy<ComingBlob>(() =>
        {
            var coming = new ComingBlob();
            coming.Begin(Task.Run(async () =>
            {
                try { await FetchBlobAsync(upstream, remote, name, digest, coming, _stop.Token); }
                finally { _blobs.TryRemove(key, out var _); }
            }));
            return coming;
        })).Value;
    }

    /// <summary>Waits for something of the upstream; what goes wrong there in the registry's own errors.</summary>
    private async Task<T> AnsweredAsync<T>(string name, Digest digest, Task<T> answer, CancellationToken cancellation)
    {
        try { return await answer.WaitAsync(cancellation); }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { throw new RegistryException(RegistryErrorCode.BlobUnknown, detail: digest.ToString(), inner: error); }
        catch (Exception error) when (!cancellation.IsCancellationRequested && error is HttpRequestException or IOException or OperationCanceledException or WharfException or RegistryException)
        {
            // What the upstream sends under another digest is its fault, not the client's.
            var upstream = Find(name)!.Value.Upstream;
            Failed(upstream, name, error);
            throw new RegistryException(RegistryErrorCode.Unavailable with { Status = 502 }, $"the upstream {upstream.Domain} does not answer{(error is RegistryException ? " with what was asked for" : "")}: {error.Message}", inner: error);
        }
    }

    private async Task FetchBlobAsync(Upstream upstream, string remote, string name, Digest digest, ComingBlob coming, CancellationToken cancellation)
    {
        _metrics.MirrorFetches.Add(1);
        using var client = Connect(upstream, remote);
        var upload = _store.Uploads.Begin(name);
        try
        {
            await upload.UseAlgorithmAsync(digest.Algorithm, cancellation);
            upload.Moved = coming.Move;
            var (stream, size) = await client.OpenBlobAsync(digest, cancellation);
            await using (stream)
            {
                coming.Announce(upload.Path, size);
                await upload.AppendAsync(stream, _store.Limits.MaxBlob, cancellation);
            }
            if (size is { } told && told != upload.Offset) throw new IOException($"the upstream announced {told} bytes of {digest} and sent {upload.Offset}");
            await _store.CommitAsync(upload, digest, cancellation);
        }
        catch
        {
            _store.Uploads.End(upload);
            throw;
        }
    }

    private RemoteRepository Connect(Upstream upstream, string remote)
    {
        var options = new DaemonOptions { InsecureRegistries = upstream.IsPlain ? [upstream.Domain] : [], MaxDownloadAttempts = 2 };
        return new RemoteRepository(ImageReference.Parse($"{upstream.Domain}/{remote}"), upstream.Credentials, push: false, options, _log);
    }

    /// <summary>Runs it once for all who ask while it runs. It goes on when one of them goes away.</summary>
    private async Task OnceAsync(string key, Func<CancellationToken, Task> action)
    {
        var flight = _flights.GetOrAdd(key, _ => new Lazy<Task>(() => Task.Run(() => action(_stop.Token))));
        try { await flight.Value; }
        finally { _flights.TryRemove(new KeyValuePair<string, Lazy<Task>>(key, flight)); }
    }

    private void Failed(Upstream upstream, string name, Exception error)
    {
        _metrics.MirrorErrors.Add(1);
        _log.UpstreamFailed(upstream.Url, name, error.Message);
    }

    /// <summary>Begins the scheduled copying.</summary>
    public void Start()
    {
        foreach (var upstream in _upstreams.Where(upstream => upstream.Scheduled.Count > 0)) _workers.Add(Task.Run(() => RepeatAsync(upstream)));
    }

    private async Task RepeatAsync(Upstream upstream)
    {
        try
        {
            while (true)
            {
                foreach (var (remote, tags) in upstream.Scheduled)
                {
                    try { await SyncAsync(upstream, remote, tags, _stop.Token); }
                    catch (Exception error) when (!_stop.IsCancellationRequested) { Failed(upstream, upstream.LocalName(remote), error); }
                }
                await Task.Delay(upstream.Interval, _stop.Token);
            }
        }
        catch (OperationCanceledException) { /* stopping */ }
    }

    private async Task SyncAsync(Upstream upstream, string remote, Regex tags, CancellationToken cancellation)
    {
        using var client = Connect(upstream, remote);
        var name = upstream.LocalName(remote);
        foreach (var tag in (await client.TagsAsync(cancellation)).Where(tag => tags.IsMatch(tag)))
        {
            await FetchManifestAsync(upstream, remote, name, tag, await _store.FindManifestAsync(name, tag, cancellation), cancellation);
            if (await _store.FindManifestAsync(name, tag, cancellation) is { } manifest) await FetchAllAsync(upstream, remote, name, manifest, cancellation);
        }
    }

    private async Task FetchAllAsync(Upstream upstream, string remote, string name, ManifestRecord manifest, CancellationToken cancellation)
    {
        foreach (var digest in manifest.References)
        {
            if (!ManifestDocument.IsIndexType(manifest.MediaType))
            {
                await EnsureBlobAsync(name, digest, cancellation);
                continue;
            }
            var child = await _store.Metadata.FindManifestAsync(name, digest, cancellation);
            if (child is null) await FetchManifestAsync(upstream, remote, name, digest.ToString(), null, cancellation);
            if (await _store.Metadata.FindManifestAsync(name, digest, cancellation) is { } fetched) await FetchAllAsync(upstream, remote, name, fetched, cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var worker in _workers) await worker;
        foreach (var flight in _flights.Values.Select(flight => flight.Value).Concat(_blobs.Values.Select(blob => (Task)blob.Value.Whole)).ToList())
            try { await flight; }
            catch (Exception error) when (error is OperationCanceledException or HttpRequestException or IOException or WharfException) { /* its waiters were told */ }
        _stop.Dispose();
    }
}
