namespace Wharf.Engine.Build.Caching;

/// <summary>Something that builds keep: a step's result, the directory of a cache mount, the copy of a client's directory.</summary>
/// <param name="Kind">BuildKit's word: <c>regular</c>, <c>source.local</c>, <c>exec.cachemount</c>.</param>
public sealed record CacheEntry(string Id, string Kind, string Description, long Size, bool Mutable, bool InUse, bool Shared, IReadOnlyList<string> Parents, DateTimeOffset CreatedAt, DateTimeOffset UsedAt, long Uses);

/// <summary>Directories that builds use again, beside the results of steps.</summary>
public interface ICachedDirectories
{
    IEnumerable<CacheEntry> List();

    /// <summary>Removes one that nobody uses; false when there is none of that ID or it is in use.</summary>
    bool Remove(string id);
}
