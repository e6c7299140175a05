using Wharf.Engine.Build.Solving;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Build;

/// <summary>The cache as its user sees it.</summary>
public sealed partial class BuildService
{
    /// <summary>What is cached, for <c>system df</c>.</summary>
    public List<BuildCache> ListCache() => [.. _cache.All().Select(step => new BuildCache
    {
        ID = step.Key[..25], Type = step.Kind, Description = step.Description, InUse = false, Shared = step.ChainId is { } chain && _images.Uses(chain), Size = step.Size,
        CreatedAt = Time(step.CreatedAt), LastUsedAt = Time(step.UsedAt), UsageCount = step.Uses,
    })];

    private static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-ddTHH:mm:ss.fffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>
    /// Forgets cached steps: all of them, or those not used since <paramref name="until"/>, oldest first until no more than <paramref name="keep"/> bytes are
    /// left. Then frees the layers that nothing else needs.
    /// </summary>
    public async Task<BuildPruneResponse> PruneAsync(DateTimeOffset? until, long? keep, CancellationToken cancellation)
    {
        var deleted = new List<string>();
        var steps = _cache.All();
        long left = steps.Sum(step => step.Size);
        foreach (var step in steps.Where(step => until is null || step.UsedAt < until))
        {
            if (keep is { } bound && left <= bound) break;
            _cache.Remove(step.Key);
            left -= step.Size;
            deleted.Add(step.Key[..25]);
        }
        long freed = keep is null && until is null ? _cacheMounts.Size() : 0;
        if (freed > 0) _cacheMounts.Prune();
        freed += await _images.CollectUnusedAsync(cancellation);
        return new BuildPruneResponse { CachesDeleted = deleted.Count > 0 ? deleted : null, SpaceReclaimed = freed };
    }
}
