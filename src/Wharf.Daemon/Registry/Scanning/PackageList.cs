namespace Wharf.Daemon.Registry.Scanning;

/// <summary>What is installed in an image, and in which release of which system.</summary>
internal sealed record PackageList(string Os, string Version, string Codename, IReadOnlyList<Package> Packages)
{
    /// <param name="release">The text of os-release(5).</param>
    public static PackageList Of(string release, IEnumerable<Package> packages)
    {
        var values = release.Split('\n').Select(static line => line.Split('=', 2)).Where(static pair => pair.Length == 2)
            .DistinctBy(static pair => pair[0]).ToDictionary(static pair => pair[0].Trim(), static pair => pair[1].Trim().Trim('"', '\''), StringComparer.Ordinal);
        return new PackageList(values.GetValueOrDefault("ID") ?? "", values.GetValueOrDefault("VERSION_ID") ?? "", values.GetValueOrDefault("VERSION_CODENAME") ?? "",
            [.. packages.DistinctBy(static package => (package.Kind, package.Name, package.Version)).OrderBy(static package => package.Name, StringComparer.Ordinal)]);
    }
}
