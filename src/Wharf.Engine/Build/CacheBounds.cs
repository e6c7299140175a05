namespace Wharf.Engine.Build;

/// <summary>How much the build cache may hold. Bytes; 0 for no bound.</summary>
public sealed record CacheBounds
{
    /// <summary>After so long unused, contexts and cache mounts may go once they are more than <see cref="ShortLifeBytes"/>.</summary>
    public static readonly TimeSpan ShortLife = TimeSpan.FromHours(48);
    public const long ShortLifeBytes = 512L << 20;
    /// <summary>After so long unused, anything may go that is more than what is reserved.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromDays(60);

    /// <summary>Only what was last used before.</summary>
    public DateTimeOffset? UnusedSince { get; init; }
    /// <summary>This much is always left.</summary>
    public long Reserved { get; init; }
    /// <summary>More than this is never kept.</summary>
    public long MaxUsed { get; init; }
    /// <summary>So much of the disk is to stay free.</summary>
    public long MinFree { get; init; }

    /// <summary>A tenth of the disk is reserved, six tenths may be used, a fifth stays free.</summary>
    public static CacheBounds Default(string dataRoot)
    {
        long total = new DriveInfo(dataRoot).TotalSize;
        return new CacheBounds { Reserved = total / 10, MaxUsed = total / 10 * 6, MinFree = total / 5 };
    }

    /// <summary>Whether something must go still, with so many bytes held and so many of the disk free.</summary>
    public bool Exceeded(long used, long free)
    {
        if (Reserved == 0 && MaxUsed == 0 && MinFree == 0) return true;
        if (used <= Reserved) return false;
        return MaxUsed > 0 && used > MaxUsed || MinFree > 0 && free < MinFree || MaxUsed == 0 && MinFree == 0;
    }
}
