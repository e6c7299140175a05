using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Caching;

/// <summary>What of the build cache may go: one rule of the collection, or a client's prune.</summary>
public sealed record PruneRule : SpaceRule
{
    public PruneRule() { }

    public PruneRule(SpaceRule bounds) : base(bounds) { }

    /// <summary>Which entries; see <see cref="CacheFilter"/>.</summary>
    public IReadOnlyList<string> Filters { get; init; } = [];

    /// <summary>Those of the entries that may go, in their order, and what counts as held.</summary>
    public (List<CacheEntry> Candidates, long Used) Select(IReadOnlyList<CacheEntry> entries, DateTimeOffset now)
    {
        var filter = new CacheFilter(Filters);
        // Without "all", what images use is neither removed nor counted; a filter takes it out of the count too.
        long used = entries.Where(entry => !entry.Shared || (All && Filters.Count == 0)).Sum(static entry => entry.Size);
        return ([.. entries.Where(entry => !entry.InUse && (All || !entry.Shared) && (KeepDuration == TimeSpan.Zero || entry.UsedAt < now - KeepDuration) && filter.Admits(entry))], used);
    }

    /// <summary>The filters of docker's API and daemon.json, a value for each field; <c>until</c> and <c>unused-for</c> are the time to keep. InvalidArgument for what they cannot say.</summary>
    public PruneRule With(IReadOnlyDictionary<string, List<string>> filters, DateTimeOffset now)
    {
        bool old = filters.ContainsKey("unused-for");
        if (old && filters.ContainsKey("until")) throw WharfException.Invalid("conflicting filters: \"until\" and \"unused-for\"");
        var terms = new List<string>();
        var keep = KeepDuration;
        foreach (var (field, values) in filters)
        {
            if (field is not ("until" or "unused-for") && !CacheFilter.Fields.Contains(field)) continue;
            if (values.Count > 1) throw WharfException.Invalid("filters expect only one value");
            if (CacheFilter.Fields.Contains(field)) terms.Add(values is [var value] ? $"{field}{(field == "id" ? "~=" : "==")}{value}" : field);
            else if (values is [var time]) keep = Since(old ? "unused-for" : "until", time, now);
        }
        return this with { Filters = [string.Join(',', terms)], KeepDuration = keep };
    }

    private static TimeSpan Since(string key, string value, DateTimeOffset now)
    {
        try { return now - Containers.ContainerFilters.ParseTime(value, now); }
        catch (WharfException error) { throw new WharfException(error.Kind, $"\"{key}\" filter expects a duration (e.g., '24h') or a timestamp: {error.Message}", error); }
    }
}
