using Wharf.Engine.Containers;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Images.Collection;

/// <summary>Which images may go. Without <see cref="SpaceRule.All"/>, those without a tag.</summary>
public sealed record ImageRule : SpaceRule
{
    /// <summary>The fields of its filters, as in a prune and in a list.</summary>
    public static readonly IReadOnlyList<string> Fields = ["dangling", "label", "label!", "reference", "until"];

    private Dictionary<string, List<string>> _filters = [];

    public ImageRule() { }

    public ImageRule(SpaceRule bounds) : base(bounds) { }

    /// <summary>Also what no registry is known to have: it cannot be had again.</summary>
    public bool Local { get; init; }

    /// <summary>Values by field: labels must all fit, of references one. InvalidArgument for what is none.</summary>
    public ImageRule With(IReadOnlyDictionary<string, List<string>> filters)
    {
        foreach (var value in filters.GetValueOrDefault("dangling") ?? [])
            if (value is not ("true" or "false" or "1" or "0")) throw WharfException.Invalid($"invalid filter 'dangling={value}'");
        ContainerFilters.Until(filters.GetValueOrDefault("until"), DateTimeOffset.UtcNow);
        foreach (var pattern in filters.GetValueOrDefault("reference") ?? []) ReferencePattern.Glob(pattern, "");
        return this with { _filters = filters.ToDictionary(StringComparer.Ordinal) };
    }

    private List<string> Values(string field) => _filters.GetValueOrDefault(field) ?? [];

    /// <summary>Whether the rule may take the image, for what it is and for its time; how much has to go is another question.</summary>
    internal bool Admits(CollectableImage image, DateTimeOffset now)
    {
        bool isDangling = image.Record.RepoTags.Count == 0;
        if (!isDangling && (!All || !Local && image.Record.RepoDigests.Count == 0)) return false;
        if (image.LastUsed > now - KeepDuration || Values("dangling").Exists(wanted => (wanted is "true" or "1") != isDangling)) return false;
        if (ContainerFilters.Until(Values("until"), now) is { } until && image.Created >= until) return false;
        var labels = image.Record.Config.Config?.Labels;
        if (!Values("label").TrueForAll(label => ContainerFilters.HasLabel(labels, label)) || Values("label!").Exists(label => ContainerFilters.HasLabel(labels, label))) return false;
        // With another name it is somebody else's too.
        return Values("reference") is not { Count: > 0 } patterns || image.Record.RepoTags.Concat(image.Record.RepoDigests) is var names && names.Any() && names.All(name => patterns.Exists(pattern => ReferencePattern.Matches(pattern, name)));
    }
}

/// <summary>An image that nothing needs, as a collection looks at it.</summary>
internal sealed record CollectableImage(ImageRecord Record, DateTimeOffset Created, DateTimeOffset LastUsed);

/// <summary>An image that a rule has chosen, and the bytes that only it holds.</summary>
internal sealed record ChosenImage(CollectableImage Image, int Rule, long Frees);
