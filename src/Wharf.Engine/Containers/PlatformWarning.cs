using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Engine.Containers;

/// <summary>A container is made of an image for another machine when nobody asked for a platform: its programs may not run here, which its creator is told in dockerd's words.</summary>
internal static class PlatformWarning
{
    private static readonly string[][] Levels =
    [
        ["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"],
        ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"],
        ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
    ];

    /// <summary>What this machine is, with the level of its processor as the x86-64 psABI counts them.</summary>
    private static readonly Lazy<Platform> Machine = new(static () => Platforms.Host with { Variant = Platforms.Host.Architecture == "amd64" ? LevelOf(File.ReadLines("/proc/cpuinfo")) : "v8" });

    /// <summary>The warning for an image; null for one that fits.</summary>
    public static string? For(OciImage image) => For(image, Machine.Value);

    internal static string? For(OciImage image, Platform machine)
    {
        var platform = new Platform { Os = image.Os, Architecture = image.Architecture, Variant = string.IsNullOrEmpty(image.Variant) ? null : image.Variant };
        if (string.IsNullOrEmpty(platform.Os) || string.IsNullOrEmpty(platform.Architecture) || Platforms.Matches(platform, machine)) return null;
        // These processors run the programs of their 32-bit predecessors.
        if (platform.Os == machine.Os && (machine.Architecture, platform.Architecture) is ("amd64", "386") or ("arm64", "arm")) return null;
        return $"The requested image's platform ({Platforms.Describe(platform)}) does not match the detected host platform ({Platforms.Describe(machine)}) and no specific platform was requested";
    }

    internal static string LevelOf(IEnumerable<string> cpuinfo)
    {
        var flags = cpuinfo.FirstOrDefault(static line => line.StartsWith("flags", StringComparison.Ordinal))?.Split([' ', '\t', ':'], StringSplitOptions.RemoveEmptyEntries).ToHashSet() ?? [];
        int level = 1;
        foreach (var wanted in Levels)
        {
            if (!wanted.All(flags.Contains)) break;
            level++;
        }
        return $"v{level}";
    }
}
