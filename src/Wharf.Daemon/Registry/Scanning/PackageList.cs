using Wharf.Engine.Images;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Whose packages they are: dpkg's or apk's.</summary>
internal enum PackageKind { Deb, Apk }

/// <summary>An installed package, and the source package it was built from, by which advisories are kept.</summary>
internal sealed record Package(PackageKind Kind, string Name, string Version, string Source, string SourceVersion);

/// <summary>What is installed in an image, and in which release of which system.</summary>
internal sealed record PackageList(string Os, string Version, string Codename, IReadOnlyList<Package> Packages)
{
    /// <summary>Paths in an image that tell of packages; a directory's end with a slash.</summary>
    public const string DpkgStatus = "var/lib/dpkg/status", DpkgDirectory = "var/lib/dpkg/status.d/", ApkInstalled = "lib/apk/db/installed", ApkInstalledUsr = "usr/lib/apk/db/installed", OsRelease = "etc/os-release", OsReleaseUsr = "usr/lib/os-release";

    public static bool IsOfInterest(string path) => path is DpkgStatus or ApkInstalled or ApkInstalledUsr or OsRelease or OsReleaseUsr
        || path.StartsWith(DpkgDirectory, StringComparison.Ordinal) && !path.EndsWith(".md5sums", StringComparison.Ordinal);

    public static PackageList Of(IReadOnlyDictionary<string, string> files)
    {
        var packages = new List<Package>();
        foreach (var (path, text) in files)
        {
            if (path == DpkgStatus || path.StartsWith(DpkgDirectory, StringComparison.Ordinal)) packages.AddRange(Stanzas.In(text).Select(Deb).OfType<Package>());
            else if (path is ApkInstalled or ApkInstalledUsr) packages.AddRange(Stanzas.In(text).Select(Apk).OfType<Package>());
        }
        var release = (files.GetValueOrDefault(OsRelease) ?? files.GetValueOrDefault(OsReleaseUsr) ?? "").Split('\n').Select(static line => line.Split('=', 2)).Where(static pair => pair.Length == 2)
            .DistinctBy(static pair => pair[0]).ToDictionary(static pair => pair[0].Trim(), static pair => pair[1].Trim().Trim('"', '\''), StringComparer.Ordinal);
        return new PackageList(release.GetValueOrDefault("ID") ?? "", release.GetValueOrDefault("VERSION_ID") ?? "", release.GetValueOrDefault("VERSION_CODENAME") ?? "",
            [.. packages.DistinctBy(static package => (package.Name, package.Version)).OrderBy(static package => package.Name, StringComparer.Ordinal)]);
    }

    /// <summary>dpkg's: <c>Source</c> is there when it is called otherwise, with its version in brackets when that is another.</summary>
    private static Package? Deb(Dictionary<string, string> fields)
    {
        if (!fields.TryGetValue("Package", out var name) || !fields.TryGetValue("Version", out var version)) return null;
        // In status.d, where only installed packages are, there is no Status.
        if (fields.TryGetValue("Status", out var status) && !status.EndsWith(" installed", StringComparison.Ordinal)) return null;
        var (source, sourceVersion) = (name, version);
        if (fields.TryGetValue("Source", out var text))
        {
            int bracket = text.IndexOf('(');
            source = (bracket > 0 ? text[..bracket] : text).Trim();
            if (bracket > 0) sourceVersion = text[(bracket + 1)..].TrimEnd(')', ' ');
        }
        return new Package(PackageKind.Deb, name, version, source, sourceVersion);
    }

    private static Package? Apk(Dictionary<string, string> fields) => fields.TryGetValue("P", out var name) && fields.TryGetValue("V", out var version)
        ? new Package(PackageKind.Apk, name, version, fields.GetValueOrDefault("o") ?? name, version) : null;
}
