using System.Text.Json.Serialization;
using Wharf.Engine;
using Wharf.Engine.Build.Caching;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>How the build cache is kept small (<c>builder.gc</c>): rules, or the sizes for docker's own rules.</summary>
public sealed record BuilderCollection
{
    [JsonPropertyName("enabled")] public bool? Enabled { get; set; }
    [JsonPropertyName("defaultKeepStorage")] public string? KeepStorage { get; set; }
    [JsonPropertyName("defaultReservedSpace")] public string? Reserved { get; set; }
    [JsonPropertyName("defaultMaxUsedSpace")] public string? MaxUsed { get; set; }
    [JsonPropertyName("defaultMinFreeSpace")] public string? MinFree { get; set; }
    [JsonPropertyName("policy")] public List<BuilderCollectionRule>? Policy { get; set; }

    /// <summary>Null when nothing is said of sizes. InvalidArgument for what is no size, duration or filter.</summary>
    public IReadOnlyList<PruneRule>? ToRules(DateTimeOffset now)
    {
        if (Policy is not null) return [.. Policy.Select((rule, number) => rule.ToRule($"builder.gc.policy[{number}]", now))];
        long reserved = SpaceRule.ParseSize("builder.gc.defaultReservedSpace", Reserved ?? KeepStorage), used = SpaceRule.ParseSize("builder.gc.defaultMaxUsedSpace", MaxUsed), free = SpaceRule.ParseSize("builder.gc.defaultMinFreeSpace", MinFree);
        return reserved + used + free > 0 ? CollectionRules.For(reserved, used, free) : null;
    }
}

/// <summary>One rule of <c>builder.gc.policy</c>. Of its filters <c>until</c> and <c>unused-for</c> say how long an entry is kept.</summary>
public sealed record BuilderCollectionRule : CollectionRule
{
    internal PruneRule ToRule(string key, DateTimeOffset now)
    {
        var filters = Filters(key, CacheFilter.Fields.Contains, "until", "unused-for");
        var rule = new PruneRule(Bounds(key));
        try { return rule.With(filters, now); }
        catch (WharfException error) { throw new WharfException(error.Kind, $"{key}.filter: {error.Message}", error); }
    }
}
