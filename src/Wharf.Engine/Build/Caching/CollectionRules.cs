namespace Wharf.Engine.Build.Caching;

/// <summary>Docker's rules for keeping the cache small, when the configuration has none of its own: carried out in their order after builds.</summary>
public static class CollectionRules
{
    private const long Giga = 1_000_000_000;

    /// <summary>Of the space that is reserved, what contexts, cache mounts and checkouts may have for longer than two days: e times pi times the golden ratio, per cent.</summary>
    private static readonly double ShortLivedPercent = Math.E * Math.PI * ((1 + Math.Sqrt(5)) / 2);

    private const long ShortLivedAtLeast = 512_000_000;

    /// <summary>A tenth of the disk is reserved, eight tenths may be used, two stay free.</summary>
    public static IReadOnlyList<PruneRule> ForDisk(string dataRoot)
    {
        long total = new DriveInfo(dataRoot).TotalSize;
        long Percent(long percentage) => ((total * percentage / 100 / (1L << 30)) + 1) * Giga;
        return For(Percent(10), Percent(80), Percent(20));
    }

    /// <summary>The same four rules for sizes that the configuration gives; 0 for no bound.</summary>
    public static IReadOnlyList<PruneRule> For(long reserved, long maxUsed, long minFree)
    {
        var bounds = new PruneRule { Reserved = reserved, MaxUsed = maxUsed, MinFree = minFree };
        return
        [
            new PruneRule
            {
                Filters = ["type==source.local,type==exec.cachemount,type==source.git.checkout"], KeepDuration = TimeSpan.FromHours(48),
                MaxUsed = Math.Max((long)Math.Round(reserved / 100.0 * ShortLivedPercent), ShortLivedAtLeast),
            },
            bounds with { KeepDuration = TimeSpan.FromDays(60) },
            bounds,
            bounds with { All = true },
        ];
    }
}
