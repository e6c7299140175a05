using System.Text.RegularExpressions;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>What package managers of languages write down in texts of their own kinds.</summary>
internal static partial class LockFiles
{
    /// <summary><c>[[package]]</c> tables, as Cargo, Poetry and uv have them. Cargo's own crates have no source, and were fetched from nowhere.</summary>
    public static IEnumerable<Package> Toml(PackageKind kind, string text, bool needsSource)
    {
        string? name = null, version = null;
        bool isPackage = false, hasSource = false;
        foreach (var line in text.Split('\n').Append("[end]"))
        {
            if (line.StartsWith('['))
            {
                if (isPackage && name is not null && version is not null && (hasSource || !needsSource)) yield return Package.Of(kind, name, version);
                (isPackage, name, version, hasSource) = (line.TrimEnd() == "[[package]]", null, null, false);
            }
            else if (isPackage && TomlPair().Match(line) is { Success: true } pair)
                switch (pair.Groups[1].Value)
                {
                    case "name": name = pair.Groups[2].Value; break;
                    case "version": version = pair.Groups[2].Value; break;
                    case "source": hasSource = true; break;
                }
        }
    }

    /// <summary>What a module requires; a replacement by another version counts as that.</summary>
    public static IEnumerable<Package> GoMod(string text)
    {
        var required = new Dictionary<string, (string Name, string Version)>(StringComparer.Ordinal);
        string block = "";
        foreach (var raw in text.Split('\n'))
        {
            var line = raw.Split("//")[0].Trim();
            if (line == ")") block = "";
            else if (line.EndsWith('(')) block = line[..^1].Trim();
            else
            {
                var words = (block == "" ? line : block + " " + line).Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words is ["require", var name, var version]) required[name] = (name, version);
                else if (words is ["replace", var old, .., "=>", var other, var with] && required.ContainsKey(old)) required[old] = (other, with);
            }
        }
        return required.Values.Select(static one => Go(one.Name, one.Version));
    }

    /// <summary>Advisories have Go's versions without the v, and those of its library as semantic ones: 1.22rc1 is 1.22.0-rc.1.</summary>
    public static Package Go(string name, string version) => Package.Of(PackageKind.Golang, name, name == "stdlib" && GoRelease().Match(version) is { Success: true } release
        ? $"{release.Groups[1].Value}.{(release.Groups[2].Length > 0 ? release.Groups[2].Value : "0")}-{release.Groups[3].Value}.{release.Groups[4].Value}" : version.TrimStart('v'));

    public static IEnumerable<Package> Gemfile(string text)
    {
        bool isGems = false;
        foreach (var line in text.Split('\n'))
        {
            if (line.Length > 0 && line[0] != ' ') isGems = line.TrimEnd() == "GEM";
            else if (isGems && GemSpecLine().Match(line) is { Success: true } gem) yield return Package.Of(PackageKind.Gem, gem.Groups[1].Value, WithoutPlatform(gem.Groups[2].Value));
        }
    }

    /// <summary>An installed gem's file is named by it.</summary>
    public static IEnumerable<Package> GemSpec(string file)
    {
        if (GemFile().Match(file) is { Success: true } gem) yield return Package.Of(PackageKind.Gem, gem.Groups[1].Value, gem.Groups[2].Value);
    }

    private static string WithoutPlatform(string version) => version.IndexOf('-') is > 0 and var dash ? version[..dash] : version;

    /// <summary>Both of Yarn's forms: descriptors, then their version.</summary>
    public static IEnumerable<Package> Yarn(string text)
    {
        string? name = null;
        foreach (var line in text.Split('\n'))
        {
            if (line.Length > 0 && line[0] is not (' ' or '#'))
            {
                var first = line.Split(',')[0].Trim().TrimEnd(':').Trim('"');
                name = first.IndexOf('@', 1) is > 0 and var at && !first.Contains("@workspace:", StringComparison.Ordinal) ? first[..at] : null;
            }
            else if (name is not null && YarnVersion().Match(line) is { Success: true } version)
            {
                yield return Package.Of(PackageKind.Npm, name, version.Groups[1].Value);
                name = null;
            }
        }
    }

    /// <summary>Keys of <c>packages</c>: <c>/name@1.0.0(peers)</c>, and before version 6 <c>/name/1.0.0</c>.</summary>
    public static IEnumerable<Package> Pnpm(string text)
    {
        bool isPackages = false;
        foreach (var line in text.Split('\n'))
        {
            if (line.Length > 0 && line[0] is not (' ' or '#')) isPackages = line.StartsWith("packages:", StringComparison.Ordinal);
            else if (isPackages && PnpmKey().Match(line) is { Success: true } key) yield return Package.Of(PackageKind.Npm, key.Groups[1].Value, key.Groups[2].Value);
        }
    }

    [GeneratedRegex("^(name|version|source) *= *(?:\"([^\"]*)\"|\\{)", RegexOptions.CultureInvariant)] private static partial Regex TomlPair();
    [GeneratedRegex("^([0-9]+\\.[0-9]+)(?:\\.([0-9]+))?(rc|beta)([0-9]+)", RegexOptions.CultureInvariant)] private static partial Regex GoRelease();
    [GeneratedRegex("^    ([^ (]+) \\(([^)]+)\\)", RegexOptions.CultureInvariant)] private static partial Regex GemSpecLine();
    [GeneratedRegex("^(.+?)-([0-9][0-9A-Za-z.]*)(?:-(?:x86|x64|arm|aarch64|java|universal|mswin|mingw|ruby).*)?\\.gemspec\\z", RegexOptions.CultureInvariant)] private static partial Regex GemFile();
    [GeneratedRegex("^  version:? \"?([^\"\r]+)\"?", RegexOptions.CultureInvariant)] private static partial Regex YarnVersion();
    [GeneratedRegex("^  ['\"]?/?((?:@[^/@]+/)?[^@/('\"]+)[@/]([0-9][^:('\"_]*)", RegexOptions.CultureInvariant)] private static partial Regex PnpmKey();
}
