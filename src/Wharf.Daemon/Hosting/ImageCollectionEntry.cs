using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Engine.Containers;
using Wharf.Engine.Images.Collection;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>Wharf's own: <c>images</c> of the configuration file.</summary>
public sealed record ImagesEntry
{
    [JsonPropertyName("gc")] public ImageCollectionEntry? Collection { get; set; }
}

/// <summary>How unused images are removed by themselves (<c>images.gc</c>), in the words of <c>builder.gc</c>. Off unless it is enabled or has a policy.</summary>
public sealed record ImageCollectionEntry
{
    [JsonPropertyName("enabled")] public bool? Enabled { get; set; }
    [JsonPropertyName("policy")] public List<ImageCollectionRule>? Policy { get; set; }
    /// <summary>Patterns of names that never go.</summary>
    [JsonPropertyName("keep")] public List<string>? Keep { get; set; }
    /// <summary>Between two looks: a duration, or a number of seconds; as the next.</summary>
    [JsonPropertyName("interval")] public JsonElement? Interval { get; set; }
    [JsonPropertyName("minimumAge")] public JsonElement? MinimumAge { get; set; }

    /// <summary>The settings of the file, or of flags, each a rule. InvalidArgument names what is wrong.</summary>
    internal static ImageCollection Of(ImageCollectionEntry? file, IReadOnlyList<string>? flags) =>
        flags is null ? file?.ToOptions() ?? new ImageCollection() : new ImageCollection { Rules = [.. flags.Select(static text => ImageCollectionRule.Parse("--image-gc-policy", text))] };

    private ImageCollection ToOptions()
    {
        var rules = Policy?.Select(static (rule, number) => rule.ToRule($"images.gc.policy[{number}]")).ToList();
        var defaults = new ImageCollection();
        var collection = new ImageCollection
        {
            Rules = Enabled ?? rules is not null ? rules : [], Keep = Keep ?? [],
            Interval = Interval is null ? defaults.Interval : CollectionRule.Duration("images.gc.interval", Interval),
            MinimumAge = MinimumAge is null ? defaults.MinimumAge : CollectionRule.Duration("images.gc.minimumAge", MinimumAge),
        };
        collection.Validate();
        return collection;
    }
}

/// <summary>One rule of <c>images.gc.policy</c>. Its filters are those of <c>image prune</c> and <c>image ls</c>.</summary>
public sealed record ImageCollectionRule : CollectionRule
{
    /// <summary>Also images that no registry is known to have.</summary>
    [JsonPropertyName("local")] public bool Local { get; set; }

    internal ImageRule ToRule(string key)
    {
        var filters = Filters(key, ImageRule.Fields.Contains);
        var rule = new ImageRule(Bounds(key)) { Local = Local };
        try { return rule.With(filters); }
        catch (WharfException error) { throw new WharfException(error.Kind, $"{key}.filter: {error.Message}", error); }
    }

    /// <summary>A rule on one line: <c>all,keepDuration=720h,minFreeSpace=20GB,filter=label=ci</c>.</summary>
    internal static ImageRule Parse(string option, string text)
    {
        var rule = new ImageCollectionRule();
        foreach (var field in text.Split(','))
        {
            var (key, value) = field.Split('=', 2) is [var name, var rest] ? (name, rest) : (field, null);
            switch (key)
            {
                case "all": rule.All = IsTrue(value); break;
                case "local": rule.Local = IsTrue(value); break;
                case "filter": (rule.Filter ??= []).Add(value ?? ""); break;
                case "keepStorage" or "reservedSpace": rule.Reserved = value; break;
                case "maxUsedSpace": rule.MaxUsed = value; break;
                case "minFreeSpace": rule.MinFree = value; break;
                case "keepDuration" when value is not null && ContainerFilters.TryDuration(value, out var duration): rule.KeepDuration = JsonSerializer.SerializeToElement((int)duration.TotalSeconds, DaemonConfigJson.Default.Int32); break;
                default: throw WharfException.Invalid($"invalid argument \"{text}\" for \"{option}\": \"{field}\" is neither all, local, filter=FIELD=VALUE, keepDuration=DURATION, reservedSpace=SIZE, maxUsedSpace=SIZE nor minFreeSpace=SIZE");
            }
        }
        return rule.ToRule(option);

        bool IsTrue(string? value) => value switch
        {
            null or "true" or "1" => true,
            "false" or "0" => false,
            _ => throw WharfException.Invalid($"invalid argument \"{text}\" for \"{option}\": \"{value}\" is neither true nor false"),
        };
    }
}
