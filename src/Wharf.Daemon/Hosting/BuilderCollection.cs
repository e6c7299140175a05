using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Caching;
using Wharf.Engine.Containers;
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
        if (Policy is not null) return [.. Policy.Select((rule, number) => rule.ToRule($"policy[{number}]", now))];
        long reserved = BuilderOptions.ParseSize("defaultReservedSpace", Reserved ?? KeepStorage), used = BuilderOptions.ParseSize("defaultMaxUsedSpace", MaxUsed), free = BuilderOptions.ParseSize("defaultMinFreeSpace", MinFree);
        return reserved + used + free > 0 ? CollectionRules.For(reserved, used, free) : null;
    }
}

/// <summary>One rule of <c>builder.gc.policy</c>, with docker's keys and BuildKit's <c>keepDuration</c>.</summary>
public sealed record BuilderCollectionRule
{
    [JsonPropertyName("all")] public bool All { get; set; }
    /// <summary>Each <c>field=value</c>; <c>until</c> and <c>unused-for</c> say how long an entry is kept.</summary>
    [JsonPropertyName("filter")] public List<string>? Filter { get; set; }
    [JsonPropertyName("keepStorage")] public string? KeepStorage { get; set; }
    [JsonPropertyName("reservedSpace")] public string? Reserved { get; set; }
    [JsonPropertyName("maxUsedSpace")] public string? MaxUsed { get; set; }
    [JsonPropertyName("minFreeSpace")] public string? MinFree { get; set; }
    /// <summary>A duration (<c>48h</c>), or a number of seconds.</summary>
    [JsonPropertyName("keepDuration")] public JsonElement? KeepDuration { get; set; }

    internal PruneRule ToRule(string key, DateTimeOffset now)
    {
        var rule = new PruneRule
        {
            All = All, KeepDuration = Duration(key), Reserved = BuilderOptions.ParseSize($"{key}.reservedSpace", Reserved ?? KeepStorage),
            MaxUsed = BuilderOptions.ParseSize($"{key}.maxUsedSpace", MaxUsed), MinFree = BuilderOptions.ParseSize($"{key}.minFreeSpace", MinFree),
        };
        var filters = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var text in Filter ?? [])
        {
            var (field, value) = text.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (text[..at], text[(at + 1)..].TrimStart('=')) : (text, "");
            field = field.Trim().ToLowerInvariant();
            if (!filters.TryGetValue(field, out var values)) filters[field] = values = [];
            if (field is not ("until" or "unused-for") && !CacheFilter.Fields.Contains(field)) throw WharfException.Invalid($"builder.gc.{key}.filter: unknown field \"{field}\"");
            values.Add(value.Trim());
        }
        try { return rule.With(filters, now); }
        catch (WharfException error) { throw new WharfException(error.Kind, $"builder.gc.{key}.filter: {error.Message}", error); }
    }

    private TimeSpan Duration(string key) => KeepDuration switch
    {
        null => TimeSpan.Zero,
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt64(out long seconds) && seconds is >= 0 and <= int.MaxValue => TimeSpan.FromSeconds(seconds),
        { ValueKind: JsonValueKind.String } text when ContainerFilters.TryDuration(text.GetString()!, out var duration) => duration,
        _ => throw WharfException.Invalid($"builder.gc.{key}.keepDuration: neither a duration nor a number of seconds"),
    };
}
