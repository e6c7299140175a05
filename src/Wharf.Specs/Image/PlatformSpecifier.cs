using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Wharf.Specs.Errors;

namespace Wharf.Specs.Image;

/// <summary>Platforms as people write them.</summary>
public static partial class PlatformSpecifier
{
    public static Platform Host { get; } = new() { Os = "linux", Architecture = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64" };

    private static readonly string[] Systems = ["linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "android", "aix", "dragonfly", "illumos", "ios", "js", "plan9"];
    private static readonly string[] Architectures = ["386", "amd64", "arm", "arm64", "ppc64", "ppc64le", "mips", "mipsle", "mips64", "mips64le", "riscv64", "s390x", "loong64", "wasm", "x86_64", "x86-64", "aarch64", "armhf", "armel", "i386"];

    /// <summary>Parses <c>os/arch[/variant]</c>, <c>os</c> or <c>arch</c>, with the variant that was named and no other; InvalidArgument in containerd's words.</summary>
    public static Platform Parse(string text)
    {
        var parts = text.Split('/');
        if (parts.Length > 3) throw WharfException.Invalid($"\"{text}\": cannot parse platform specifier: invalid argument");
        for (int i = 0; i < parts.Length; i++)
        {
            if (i == 0 ? SystemPattern().IsMatch(parts[i]) : ComponentPattern().IsMatch(parts[i])) continue;
            throw WharfException.Invalid(i == 0
                ? $"{GoSyntax.Quoted(parts[i])} is an invalid OS component of {GoSyntax.Quoted(text)}: OSAndVersion specifier component must match \"^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.%-]*)((?:\\\\+[A-Za-z0-9_.%-]+)*)\\\\))?$\": invalid argument"
                : $"\"{parts[i]}\" is an invalid component of \"{text}\": platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument");
        }
        var first = parts[0].ToLowerInvariant();
        if (parts.Length > 1) return Canonical(new Platform { Os = first, Architecture = parts[1].ToLowerInvariant(), Variant = parts.Length == 3 ? parts[2].ToLowerInvariant() : null });
        if (Systems.Contains(first)) return Host with { Os = first };
        return Architectures.Contains(first) ? Canonical(new Platform { Os = "linux", Architecture = first }) : throw WharfException.Invalid($"\"{text}\": unknown operating system or architecture: invalid argument");
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]+(?:\([A-Za-z0-9_.%+-]*\))?\z", RegexOptions.CultureInvariant)] private static partial Regex SystemPattern();
    [GeneratedRegex(@"^[A-Za-z0-9_.-]+\z", RegexOptions.CultureInvariant)] private static partial Regex ComponentPattern();

    /// <summary>As containerd writes what was asked for: one name for each architecture, and no variant that was not named.</summary>
    public static Platform Canonical(Platform platform) => platform with
    {
        Architecture = platform.Architecture switch { "x86_64" or "x86-64" => "amd64", "aarch64" => "arm64", "armhf" or "armel" => "arm", "i386" or "i686" => "386", var other => other },
        Variant = (platform.Architecture, platform.Variant) switch
        {
            ("armel", _) => "v6", (_, "") => null, ("arm64" or "aarch64", "8") => "v8", ("arm" or "armhf", "5" or "6" or "7" or "8") => "v" + platform.Variant, ("amd64" or "x86_64" or "x86-64", "v1") => null, var (_, other) => other,
        },
    };
}
