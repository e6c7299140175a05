using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Which platform an image is for, and which this machine is.</summary>
public static partial class Platforms
{
    public static Platform Host { get; } = new() { Os = "linux", Architecture = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64" };

    private static readonly string[] Systems = ["linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "android", "aix", "dragonfly", "illumos", "ios", "js", "plan9"];
    private static readonly string[] Architectures = ["386", "amd64", "arm", "arm64", "ppc64", "ppc64le", "mips", "mipsle", "mips64", "mips64le", "riscv64", "s390x", "loong64", "wasm", "x86_64", "x86-64", "aarch64", "armhf", "armel", "i386"];

    /// <summary>Parses <c>os/arch[/variant]</c>, <c>os</c> or <c>arch</c>; InvalidArgument in containerd's words.</summary>
    public static Platform Parse(string text) => Normal(ParseAsWritten(text));

    /// <summary>The same with the variant that was named and no other: so it stands in the configuration of an import.</summary>
    public static Platform ParseAsWritten(string text)
    {
        var parts = text.Split('/');
        if (parts.Length > 3) throw WharfException.Invalid($"\"{text}\": cannot parse platform specifier: invalid argument");
        for (int i = 0; i < parts.Length; i++)
        {
            if (i == 0 ? SystemPattern().IsMatch(parts[i]) : ComponentPattern().IsMatch(parts[i])) continue;
            throw WharfException.Invalid(i == 0
                ? $"\"{parts[i]}\" is an invalid OS component of \"{text}\": OSAndVersion specifier component must match \"^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.%-]*)((?:\\\\+[A-Za-z0-9_.%-]+)*)\\\\))?$\": invalid argument"
                : $"\"{parts[i]}\" is an invalid component of \"{text}\": platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument");
        }
        var first = parts[0].ToLowerInvariant();
        if (parts.Length > 1) return Written(new Platform { Os = first, Architecture = parts[1].ToLowerInvariant(), Variant = parts.Length == 3 ? parts[2].ToLowerInvariant() : null });
        if (Systems.Contains(first)) return Host with { Os = first };
        return Architectures.Contains(first) ? Written(new Platform { Os = "linux", Architecture = first }) : throw WharfException.Invalid($"\"{text}\": unknown operating system or architecture: invalid argument");
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]+(?:\([A-Za-z0-9_.%+-]*\))?\z", RegexOptions.CultureInvariant)] private static partial Regex SystemPattern();
    [GeneratedRegex(@"^[A-Za-z0-9_.-]+\z", RegexOptions.CultureInvariant)] private static partial Regex ComponentPattern();

    /// <summary>As containerd writes what was asked for: one name for each architecture, and no variant that was not named.</summary>
    private static Platform Written(Platform platform) => platform with
    {
        Architecture = platform.Architecture switch { "x86_64" or "x86-64" => "amd64", "aarch64" => "arm64", "armhf" or "armel" => "arm", "i386" or "i686" => "386", var other => other },
        Variant = (platform.Architecture, platform.Variant) switch
        {
            ("armel", _) => "v6", (_, "") => null, ("arm64" or "aarch64", "8") => "v8", ("arm" or "armhf", "5" or "6" or "7" or "8") => "v" + platform.Variant, ("amd64" or "x86_64" or "x86-64", "v1") => null, var (_, other) => other,
        },
    };

    /// <summary>As platforms are compared.</summary>
    private static Platform Normal(Platform platform)
    {
        platform = Written(platform);
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
