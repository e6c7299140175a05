using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Observing;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Upkeep;

/// <summary>The work in the background: retention, collection, expiry of uploads, scrubbing, counting of quotas.</summary>
public sealed class UpkeepService : IAsyncDisposable
{
    private sealed record Rule(RepositoryPattern Repository, int? KeepLast, TimeSpan? PushedWithin, TimeSpan? PulledWithin, Regex? Tags)
    {
        public bool KeepsEverything => KeepLast is null && PushedWithin is null && PulledWithin is null && Tags is null;
    }

    private readonly RegistryStore _store;
    private readonly QuotaService _quotas;
    private readonly RegistryMetrics _metrics;
    private readonly EventReporter _reporter;
    private readonly ILogger _log;
    private readonly TimeSpan _interval, _grace, _uploadExpiry;
    private readonly TimeSpan? _untaggedAfter, _scrubInterval;
    private readonly List<Rule> _rules;
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _workers = [];

    public UpkeepService(RegistryConfig config, RegistryStore store, QuotaService quotas, RegistryMetrics metrics, EventReporter reporter, ILogger log)
    {
        (_store, _quotas, _metrics, _reporter, _log) = (store, quotas, metrics, reporter, log);
        _interval = ConfigText.Duration(config.Collection.Interval, "collection.interval");
        _grace = ConfigText.Duration(config.Collection.Grace, "collection.grace");
        _untaggedAfter = ConfigText.OptionalDuration(config.Collection.UntaggedAfter, "collection.untagged-after");
        _uploadExpiry = ConfigText.Duration(config.Limits.UploadExpiry, "limits.upload-expiry");
        _scrubInterval = ConfigText.OptionalDuration(config.Scrub.Interval, "scrub.interval");
        _rules = [.. config.Retention.Select(rule => new Rule(new RepositoryPattern(rule.Repository), rule.KeepLast, ConfigText.OptionalDuration(rule.KeepPushedWithin, "retention.keep-pushed-within"),
            ConfigText.OptionalDuration(rule.KeepPulledWithin, "retention.keep-pulled-within"), rule.KeepTags is { } tags ? ConfigText.TagPattern(tags, "retention.keep-tags") : null))];
    }

    public void Start()
    {
        _workers.Add(RepeatAsync("collection", _interval, cancellation => CollectAsync(cancellation)));
        if (_scrubInterval is { } interval) _workers.Add(RepeatAsync("scrub", interval, cancellation => ScrubAsync(cancellation)));
        if (_quotas.IsUsed) _workers.Add(Task.Run(() => _quotas.CountAsync(_store, _stop.Token)));
    }

    private async Task RepeatAsync(string work, TimeSpan interval, Func<CancellationToken, Task> action)
    {
        try
        {
            while (true)
            {
                await Task.Delay(interval, _stop.Token);
                try { await action(_stop.Token); }
                catch (RegistryException error) when (error.Code == RegistryErrorCode.Collecting) { _log.CollectedElsewhere(); }
                catch (Exception error) when (!_stop.IsCancellationRequested) { _log.WorkFailed(work, error); }
            }
        }
        catch (OperationCanceledException) { /* stopping */ }
    }

    /// <summary>One whole collection; tells what it removed. UNSUPPORTED while another process over the same store collects. <paramref name="grace"/> replaces the configured time blobs are kept unused.</summary>
    public async Task<CollectionResult> CollectAsync(CancellationToken cancellation, TimeSpan? grace = null)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            await using var lease = _store.Objects.IsShared ? await CollectionLease.TryTakeAsync(_store.Objects, cancellation) : null;
            if (_store.Objects.IsShared && lease is null) throw new RegistryException(RegistryErrorCode.Collecting);
            var result = new CollectionResult();
            var now = DateTimeOffset.UtcNow;
            var before = now - (grace ?? _grace);
            result.Uploads = await _store.Uploads.ExpireAsync(now - _uploadExpiry, cancellation);
            await _store.Metadata.RefreshAsync(cancellation);
            foreach (var name in (await _store.Metadata.ListRepositoriesAsync(int.MaxValue, null, _ => true, cancellation)).Names)
            {
                bool hasRule = await RetainAsync(name, now, result, cancellation);
                if (_untaggedAfter is { } after) await _store.CollectManifestsAsync(name, now - after, result, cancellation);
                else if (hasRule) await _store.CollectManifestsAsync(name, before, result, cancellation);
                await _store.CollectLinksAsync(name, before, result, cancellation);
            }
            await _store.CollectOrphansAsync(before, result, cancellation);
            await _quotas.CountAsync(_store, cancellation);
            _metrics.BlobsCollected.Add(result.Blobs);
            _metrics.BytesCollected.Add(result.Bytes);
            if (!result.IsEmpty) _log.Collected(result.Blobs, result.Bytes, result.Manifests, result.Tags, result.Uploads);
            return result;
        }
        finally { _one.Release(); }
    }

    private async Task<bool> RetainAsync(string name, DateTimeOffset now, CollectionResult result, CancellationToken cancellation)
    {
        if (_rules.Find(rule => rule.Repository.Fits(name)) is not { KeepsEverything: false } rule) return false;
        var tags = (await _store.Metadata.ListTagRecordsAsync(name, cancellation)).OrderByDescending(tag => tag.Record.Updated).ToList();
        for (int i = 0; i < tags.Count; i++)
        {
            var (tag, record) = tags[i];
            if (i < rule.KeepLast || rule.Tags?.IsMatch(tag) == true || now - record.Updated < rule.PushedWithin) continue;
            if (rule.PulledWithin is { } within && await _store.Metadata.LastPullAsync(name, record.Digest, cancellation) is { } pulled && now - pulled < within) continue;
            try { await _store.DeleteTagAsync(name, tag, cancellation); }
            catch (RegistryException error) when (error.Code == RegistryErrorCode.InUse) { continue; } // a container of the daemon has the image
            _reporter.Report(new RegistryEvent { Action = "retention", Repository = name, Tag = tag, Digest = record.Digest.ToString() });
            result.Tags++;
        }
        return true;
    }

    /// <summary>Reads every blob and hashes it. A damaged file is put aside, so that the blob is missing, and a new push brings it back; returns how many.</summary>
    public async Task<int> ScrubAsync(CancellationToken cancellation)
    {
        int damaged = 0;
        var buffer = new byte[256 << 10];
        await foreach (var blob in _store.Objects.ListAsync(Keys.Blobs, cancellation))
        {
            if (Keys.DigestOf(blob.Key) is not { IsEmpty: false } digest) continue;
            await using var stream = await _store.Objects.OpenReadAsync(blob.Key, 0, null, cancellation);
            if (stream is null) continue;
            using var hash = IncrementalHash.CreateHash(digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
            int count;
            while ((count = await stream.ReadAsync(buffer, cancellation)) > 0) hash.AppendData(buffer, 0, count);
            var found = digest.Algorithm == "sha512" ? Digest.FromSha512(hash.GetHashAndReset()) : Digest.FromSha256(hash.GetHashAndReset());
            if (found == digest) continue;
            damaged++;
            _metrics.BlobsDamaged.Add(1);
            _log.BlobDamaged(digest.ToString(), $"its bytes have {found}");
            _reporter.Report(new RegistryEvent { Action = "scrub", Digest = digest.ToString(), Error = $"damaged: its bytes have {found}" });
            if (_store.Objects.LocalPath(blob.Key) is { } path)
            {
                var aside = Path.Combine(Path.GetDirectoryName(path)!, "..", "..", "..", "damaged");
                Directory.CreateDirectory(aside);
                File.Move(path, Path.Combine(aside, digest.Hex), overwrite: true);
            }
        }
        return damaged;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var worker in _workers)
            try { await worker; }
            catch (OperationCanceledException) { /* stopping */ }
        _stop.Dispose();
        _one.Dispose();
    }
}
