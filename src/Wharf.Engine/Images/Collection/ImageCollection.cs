using Wharf.Specs.Errors;

namespace Wharf.Engine.Images.Collection;

/// <summary>How images are kept few by themselves (<c>images.gc</c>).</summary>
public sealed record ImageCollection
{
    /// <summary>Carried out one after the other; null for <see cref="DefaultRules"/>, and while there are none images stay until somebody removes them.</summary>
    public IReadOnlyList<ImageRule>? Rules { get; init; } = [];
    /// <summary>Between two looks.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(5);
    /// <summary>What came or was used less long ago never goes: who pulls an image means to use it.</summary>
    public TimeSpan MinimumAge { get; init; } = TimeSpan.FromMinutes(10);
    /// <summary>Names that never go, as patterns of the <c>reference</c> filter.</summary>
    public IReadOnlyList<string> Keep { get; init; } = [];

    /// <summary>InvalidArgument for what cannot be.</summary>
    public void Validate()
    {
        if (Interval < TimeSpan.FromSeconds(1)) throw WharfException.Invalid("images.gc.interval: less than a second");
        try { foreach (var pattern in Keep) ReferencePattern.Glob(pattern, ""); }
        catch (WharfException error) { throw new WharfException(error.Kind, $"images.gc.keep: {error.Message}", error); }
    }

    /// <summary>When no rule is given: what has lost its name goes after a week; when less than a tenth of the disk is free, also what has one and can be pulled again.</summary>
    public static IReadOnlyList<ImageRule> DefaultRules(string dataRoot) => [new ImageRule { KeepDuration = TimeSpan.FromDays(7) }, new ImageRule { All = true, MinFree = new DriveInfo(dataRoot).TotalSize / 10 }];
}
