using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Which platform an image is for, and which this machine is.</summary>
public static class Platforms
{
    public static Platform Host => PlatformSpecifier.Host;

    /// <summary>Parses <c>os/arch[/variant]</c>, <c>os</c> or <c>arch</c>; InvalidArgument in containerd's words. As platforms are compared.</summary>
    public static Platform Parse(string text) => Normal(PlatformSpecifier.Parse(text));

    /// <summary>As platforms are compared.</summary>
    private static Platform Normal(Platform platform)
    {
        platform = PlatformSpecifier.Canonical(platform);
        return platform with { Variant = (platform.Architecture, platform.Variant) switch { ("arm64", "v8") => null, ("arm", null) => "v7", var (_, other) => other } };
    }

    public static bool Matches(OciImage image, Platform wanted) => Matches(new Platform { Os = image.Os ?? "linux", Architecture = image.Architecture, Variant = image.Variant }, wanted);

    public static bool Matches(Platform offered, Platform wanted)
    {
        offered = Normal(offered);
        wanted = Normal(wanted);
        if (offered.Os != wanted.Os || offered.Architecture != wanted.Architecture) return false;
        return offered.Variant == wanted.Variant || offered.Variant is null || wanted.Variant is null
            // A later machine runs what is for an earlier one: v3 runs v2, arm v7 runs v6.
            || wanted.Architecture is "amd64" or "arm" && string.CompareOrdinal(offered.Variant, wanted.Variant) < 0;
    }

    /// <summary>Whether one of two platforms that both match is the better: the very variant asked for, else the later one.</summary>
    public static bool IsBetter(Platform one, Platform other, Platform wanted)
    {
        var (left, right, asked) = (Normal(one).Variant, Normal(other).Variant, Normal(wanted).Variant);
        return left != right && (left == asked || (right != asked && string.CompareOrdinal(left, right) > 0));
    }

    /// <summary>The best of an index for a platform: the highest variant that fits; attestations are passed over.</summary>
    public static Descriptor? Choose(IEnumerable<Descriptor> manifests, Platform wanted) => manifests
        .Where(entry => entry.Platform is { Os: not "unknown" } platform && Matches(platform, wanted) && entry.Annotations?.ContainsKey("vnd.docker.reference.type") != true)
        .OrderByDescending(entry => Normal(entry.Platform!).Variant == Normal(wanted).Variant).ThenByDescending(entry => entry.Platform!.Variant, StringComparer.Ordinal).FirstOrDefault();

    public static string Describe(Platform platform) => $"{platform.Os}/{platform.Architecture}{(platform.Variant is null ? "" : "/" + platform.Variant)}";
}
