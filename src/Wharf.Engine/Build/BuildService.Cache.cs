using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Build;

/// <summary>Something that builds keep: a step's result, or the directory of a cache mount.</summary>
/// <param name="Kind">BuildKit's word: <c>regular</c>, <c>source.local</c>, <c>exec.cachemount</c>.</param>
public sealed record CacheEntry(string Id, string Kind, string Description, long Size, bool Mutable, bool InUse, bool Shared, IReadOnlyList<string> Parents, DateTimeOffset CreatedAt, DateTimeOffset UsedAt, long Uses);

/// <summary>The cache as its user sees it.</summary>
public sealed partial class BuildService
{
    /// <summary>All that is kept, least recently used first.</summary>
    public List<CacheEntry> CacheEntries()
    {
        var steps = _cache.All();
        var byChain = new Dictionary<Specs.Image.Digest, string>();
        foreach (var step in steps)
            if (step.ChainId is { } chain) byChain.TryAdd(chain, step.Key[..25]);
        var entries = steps.ConvertAll(step => new CacheEntry(step.Key[..25], step.Kind, step.Description, step.Size, Mutable: false, InUse: false, Shared: step.ChainId is { } chain && _images.Uses(chain),
            step.ParentChain is { } parent && byChain.TryGetValue(parent, out var below) ? [below] : [], step.CreatedAt, step.UsedAt, step.Uses));
        entries.AddRange(_cacheMounts.List());
        return [.. entries.OrderBy(static entry => entry.UsedAt)];
    }

    /// <summary>What is cached, for <c>system df</c>.</summary>
    public List<BuildCache> ListCache() => CacheEntries().ConvertAll(static entry => new BuildCache
    {
        ID = entry.Id, Type = entry.Kind, Description = entry.Description, InUse = entry.InUse, Shared = entry.Shared, Size = entry.Size, Parents = entry.Parents.Count > 0 ? [.. entry.Parents] : null,
        CreatedAt = Time(entry.CreatedAt), LastUsedAt = Time(entry.UsedAt), UsageCount = entry.Uses,
    });

    private static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-ddTHH:mm:ss.fffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Forgets one entry, if there is more than the bounds allow. Its layers go with the next <see cref="CollectAsync"/>.</summary>
    public Task<bool> RemoveEntryAsync(string id, CacheBounds bounds, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var entries = CacheEntries();
        if (!bounds.Exceeded(entries.Sum(static entry => entry.Size), new DriveInfo(_options.DataRoot).AvailableFreeSpace)) return Task.FromResult(false);
        return Task.FromResult(Remove(id));
    }

    /// <summary>The directories of <c>RUN --mount=type=cache</c>, by the IDs that Dockerfiles give them.</summary>
    public Task ExportCacheMountAsync(string id, Stream output, CancellationToken cancellation) => _cacheMounts.ExportAsync(id, output, cancellation);

    public Task ImportCacheMountAsync(string id, Stream archive, CancellationToken cancellation) => _cacheMounts.ImportAsync(id, archive, cancellation);

    private bool Remove(string id)
    {
        if (_cacheMounts.Remove(id)) return true;
        return _cache.RemovePrefix(id) > 0;
    }

    /// <summary>Frees the layers that nothing needs any more; gives the bytes.</summary>
    public Task<long> CollectAsync(CancellationToken cancellation) => _images.CollectUnusedAsync(cancellation);

    /// <summary>Forgets what the bounds do not allow, least recently used first, then frees the layers that nothing else needs.</summary>
    public async Task<BuildPruneResponse> PruneAsync(CacheBounds bounds, Func<CacheEntry, bool> admit, CancellationToken cancellation)
    {
        var deleted = new List<string>();
        var entries = CacheEntries();
        long left = entries.Sum(static entry => entry.Size), free = new DriveInfo(_options.DataRoot).AvailableFreeSpace, freed = 0;
        foreach (var entry in entries)
        {
            if (entry.InUse || !admit(entry) || (bounds.UnusedSince is { } since && entry.UsedAt >= since)) continue;
            if (!bounds.Exceeded(left, free)) break;
            if (!Remove(entry.Id)) continue;
            left -= entry.Size;
            free += entry.Size;
            if (entry.Mutable) freed += entry.Size;
            deleted.Add(entry.Id);
        }
        freed += await _images.CollectUnusedAsync(cancellation);
        return new BuildPruneResponse { CachesDeleted = deleted.Count > 0 ? deleted : null, SpaceReclaimed = freed };
    }

    private static readonly TimeSpan CollectEvery = TimeSpan.FromMinutes(1);
    private long _collectedAt;

    /// <summary>After a build: brings the cache within its bounds, in the background and not more often than every minute.</summary>
    private void CollectLater()
    {
        long last = Interlocked.Read(ref _collectedAt), now = Environment.TickCount64;
        if (!_options.Builder.CollectsGarbage || (last != 0 && now - last < CollectEvery.TotalMilliseconds) || Interlocked.CompareExchange(ref _collectedAt, now, last) != last) return;
        _ = Task.Run(async () =>
        {
            try { await CollectGarbageAsync(CancellationToken.None); }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or Specs.Errors.WharfException or Linux.Syscalls.SyscallException) { Log.CollectFailed(_log, error); }
        });
    }

    /// <summary>Forgets what is unused for long, or more than the bounds allow.</summary>
    internal async Task CollectGarbageAsync(CancellationToken cancellation)
    {
        var bounds = _options.Builder.Bounds ?? CacheBounds.Default(_options.DataRoot);
        await ForgetAsync(new CacheBounds { UnusedSince = DateTimeOffset.UtcNow - CacheBounds.ShortLife, Reserved = CacheBounds.ShortLifeBytes }, static entry => entry.Mutable, cancellation);
        await ForgetAsync(bounds with { UnusedSince = DateTimeOffset.UtcNow - CacheBounds.Life }, static _ => true, cancellation);
        await ForgetAsync(bounds, static _ => true, cancellation);
    }

    /// <summary>As a prune, which looks for layers to free only when something was forgotten.</summary>
    private async Task ForgetAsync(CacheBounds bounds, Func<CacheEntry, bool> admit, CancellationToken cancellation)
    {
        var entries = CacheEntries();
        if (entries.Exists(entry => !entry.InUse && admit(entry) && (bounds.UnusedSince is not { } since || entry.UsedAt < since)) && bounds.Exceeded(entries.Sum(static entry => entry.Size), new DriveInfo(_options.DataRoot).AvailableFreeSpace))
            await PruneAsync(bounds, admit, cancellation);
    }
}
