using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Engine;
using Wharf.Engine.Containers;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>One rule of a collection's <c>policy</c> (<c>builder.gc</c>, <c>images.gc</c>), with docker's keys and BuildKit's <c>keepDuration</c>.</summary>
public record CollectionRule
{
    [JsonPropertyName("all")] public bool All { get; set; }
    /// <summary>Each <c>field=value</c>.</summary>
    [JsonPropertyName("filter")] public List<string>? Filter { get; set; }
    [JsonPropertyName("keepStorage")] public string? KeepStorage { get; set; }
    [JsonPropertyName("reservedSpace")] public string? Reserved { get; set; }
    [JsonPropertyName("maxUsedSpace")] public string? MaxUsed { get; set; }
    [JsonPropertyName("minFreeSpace")] public string? MinFree { get; set; }
    /// <summary>A duration (<c>48h</c>), or a number of seconds.</summary>
    [JsonPropertyName("keepDuration")] public JsonElement? KeepDuration { get; set; }

    /// <summary>InvalidArgument for what is no size or duration.</summary>
    internal SpaceRule Bounds(string key) => new()
    {
        All = All, KeepDuration = Duration($"{key}.keepDuration", KeepDuration), Reserved = SpaceRule.ParseSize($"{key}.reservedSpace", Reserved ?? KeepStorage),
        MaxUsed = SpaceRule.ParseSize($"{key}.maxUsedSpace", MaxUsed), MinFree = SpaceRule.ParseSize($"{key}.minFreeSpace", MinFree),
    };

    /// <summary>The filters by their fields, of which only those that <paramref name="isField"/> knows and the <paramref name="others"/> may be.</summary>
    internal Dictionary<string, List<string>> Filters(string key, Func<string, bool> isField, params string[] others)
    {
        var filters = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var text in Filter ?? [])
        {
            var (field, value) = text.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (text[..at], text[(at + 1)..].TrimStart('=')) : (text, "");
            field = field.Trim().ToLowerInvariant();
            if (!filters.TryGetValue(field, out var values)) filters[field] = values = [];
            if (!isField(field) && !others.Contains(field)) throw WharfException.Invalid($"{key}.filter: unknown field \"{field}\"");
            values.Add(value.Trim());
        }
        return filters;
    }

    internal static TimeSpan Duration(string key, JsonElement? value) => value switch
    {
        null => TimeSpan.Zero,
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt64(out long seconds) && seconds is >= 0 and <= int.MaxValue => TimeSpan.FromSeconds(seconds),
        { ValueKind: JsonValueKind.String } text when ContainerFilters.TryDuration(text.GetString()!, out var duration) => duration,
        _ => throw WharfException.Invalid($"{key}: neither a duration nor a number of seconds"),
    };
}
