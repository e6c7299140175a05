using Wharf.Engine.Containers.Config;
using Wharf.Specs.Errors;

namespace Wharf.Engine;

/// <summary>How much of what is kept must go: one rule of a collection, of the build cache's or of images'. Sizes are bytes; 0 for no bound.</summary>
public record SpaceRule
{
    /// <summary>Also what is left alone otherwise: cache that images use; images with a name.</summary>
    public bool All { get; init; }
    /// <summary>Only what was not used for so long. Zero for all.</summary>
    public TimeSpan KeepDuration { get; init; }
    /// <summary>This much is always left.</summary>
    public long Reserved { get; init; }
    /// <summary>More than this is never kept.</summary>
    public long MaxUsed { get; init; }
    /// <summary>So much of the disk is to stay free.</summary>
    public long MinFree { get; init; }

    /// <summary>Whether something must go still, with so many bytes held and so many of the disk free.</summary>
    public bool Exceeded(long used, long free)
    {
        if (Reserved == 0 && MaxUsed == 0 && MinFree == 0) return true;
        if (used <= Reserved) return false;
        return MaxUsed > 0 && used > MaxUsed || MinFree > 0 && free < MinFree || MaxUsed == 0 && MinFree == 0;
    }

    /// <summary>A size of the configuration, such as <c>20GB</c>; 0 for none. InvalidArgument names the key when it is no size.</summary>
    public static long ParseSize(string key, string? text) => text is not { Length: > 0 } or "0" ? 0 : LogRules.ParseSize(text) ?? throw WharfException.Invalid($"{key}: invalid size \"{text}\"");
}
