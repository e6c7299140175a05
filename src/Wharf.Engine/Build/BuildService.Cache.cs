using Wharf.Engine.Build.Caching;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Build;

/// <summary>The cache as its user sees it.</summary>
public sealed partial class BuildService
{
    private readonly List<ICachedDirectories> _directories;

    /// <summary>Directories kept elsewhere than here are seen and pruned with the rest. To be called before the first build.</summary>
    public void Keep(ICachedDirectories directories) => _directories.Add(directories);

    /// <summary>All that is kept, least recently used first.</summary>
    public List<CacheEntry> CacheEntries()
    {
        var steps = _cache.All();
        var byChain = new Dictionary<Specs.Image.Digest, string>();
        foreach (var step in steps)
            if (step.ChainId is { } chain) byChain.TryAdd(chain, step.Key[..25]);
        var entries = steps.ConvertAll(step => new CacheEntry(step.Key[..25], step.Kind, step.Description, step.Size, Mutable: false, InUse: false, Shared: step.ChainId is { } chain && _images.Uses(chain),
            step.ParentChain is { } parent && byChain.TryGetValue(parent, out var below) ? [below] : [], step.CreatedAt, step.UsedAt, step.Uses));
        foreach (var directories in _directories) entries.AddRange(directories.List());
        return [.. entries.OrderBy(static entry => entry.UsedAt)];
    }

    /// <summary>What is cached, for <c>system df</c>.</summary>
    public List<BuildCache> ListCache() => CacheEntries().ConvertAll(static entry => new BuildCache
    {
        ID = entry.Id, Type = entry.Kind, Description = entry.Description, InUse = entry.InUse, Shared = entry.Shared, Size = entry.Size, Parents = entry.Parents.Count > 0 ? [.. entry.Parents] : null,
        CreatedAt = Time(entry.CreatedAt), LastUsedAt = Time(entry.UsedAt), UsageCount = entry.Uses,
    });

    private static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-ddTHH:mm:ss.fffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The directories of <c>RUN --mount=type=cache</c>, by the IDs that Dockerfiles give them.</summary>
    public Task ExportCacheMountAsync(string id, Stream output, CancellationToken cancellation) => _cacheMounts.ExportAsync(id, output, cancellation);

    public Task ImportCacheMountAsync(string id, Stream archive, CancellationToken cancellation) => _cacheMounts.ImportAsync(id, archive, cancellation);

    private bool Remove(string id) => _directories.Exists(directories => directories.Remove(id)) || _cache.RemovePrefix(id) > 0;

    /// <summary>Forgets what the rule does not allow, least recently used first, then frees the layers that nothing else needs. Gives what is forgotten, and the bytes freed.</summary>
    public async Task<(List<CacheEntry> Removed, long Freed)> PruneAsync(PruneRule rule, CancellationToken cancellation)
    {
        var removed = Forget(rule);
        long freed = await _images.CollectUnusedAsync(cancellation);
        return (removed, freed + removed.Where(static entry => entry.Mutable).Sum(static entry => entry.Size));
    }

    private List<CacheEntry> Forget(PruneRule rule)
    {
        var (candidates, used) = rule.Select(CacheEntries(), DateTimeOffset.UtcNow);
        long free = new DriveInfo(_options.DataRoot).AvailableFreeSpace;
        var removed = new List<CacheEntry>();
        foreach (var entry in candidates)
        {
            if (!rule.Exceeded(used, free)) break;
            if (!Remove(entry.Id)) continue;
            // What images use goes on taking its space.
            if (!entry.Shared) free += entry.Size;
            used -= entry.Size;
            removed.Add(entry);
        }
        return removed;
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

    /// <summary>The rules by which the cache is kept small; none where it is not.</summary>
    public IReadOnlyList<PruneRule> CollectionRules() => !_options.Builder.CollectsGarbage ? [] : _options.Builder.Rules ?? Caching.CollectionRules.ForDisk(_options.DataRoot);

    /// <summary>Forgets what the rules say, one after the other. Layers are looked for only when something was forgotten.</summary>
    internal async Task CollectGarbageAsync(CancellationToken cancellation)
    {
        int removed = 0;
        foreach (var rule in CollectionRules()) removed += Forget(rule).Count;
        if (removed > 0) await _images.CollectUnusedAsync(cancellation);
    }
}
