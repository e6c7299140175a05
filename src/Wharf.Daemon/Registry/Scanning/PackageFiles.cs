using System.Text;
using System.Text.Json;
using Wharf.Engine.Images;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Gives the packages a file tells of. Throws <see cref="InvalidDataException"/> or <see cref="JsonException"/> when it is none of its kind.</summary>
internal delegate IEnumerable<Package> PackageParser(byte[] file);

/// <summary>Which files of an image tell of packages, and by whose rules.</summary>
internal static class PackageFiles
{
    public const string OsRelease = "etc/os-release", OsReleaseUsr = "usr/lib/os-release", DpkgStatus = "var/lib/dpkg/status", ApkInstalled = "lib/apk/db/installed";
    private const string DpkgDirectory = "var/lib/dpkg/status.d/";

    /// <summary>Of a system's database, and of other files. What is larger is told of as not read.</summary>
    public const int MaxDatabase = 256 << 20, MaxFile = 32 << 20;

    /// <summary>Files of other packages' sources, kept in caches: what these would need is not installed.</summary>
    private static readonly string[] _caches = ["/pkg/mod/", "/.cargo/", "/cargo/registry/", "/.npm/", "/.cache/"];

    public static bool IsRelease(string path) => path is OsRelease or OsReleaseUsr;

    /// <summary>Whether it is a system's own list, which may be large.</summary>
    public static bool IsDatabase(string path) => OfSystem(path) is not null;

    /// <summary>Null for a file that tells of none.</summary>
    public static PackageParser? ParserOf(string path)
    {
        if (OfSystem(path) is { } system) return system;
        var name = path[(path.LastIndexOf('/') + 1)..];
        var directory = "/" + path[..^name.Length];
        if (_caches.Any(cache => directory.Contains(cache, StringComparison.Ordinal))) return null;
        return OfPython(directory, name) ?? OfNode(directory, name) ?? name switch
        {
            "Cargo.lock" => static file => LockFiles.Toml(PackageKind.Cargo, Text(file), needsSource: true),
            "go.mod" when !directory.EndsWith("/vendor/", StringComparison.Ordinal) => static file => LockFiles.GoMod(Text(file)),
            "packages.lock.json" => JsonFiles.NuGetLock,
            "Gemfile.lock" => static file => LockFiles.Gemfile(Text(file)),
            "composer.lock" => JsonFiles.Composer,
            "installed.json" when directory.EndsWith("/composer/", StringComparison.Ordinal) => JsonFiles.Composer,
            _ when name.EndsWith(".deps.json", StringComparison.Ordinal) => JsonFiles.NuGetDependencies,
            _ when name.EndsWith(".gemspec", StringComparison.Ordinal) && directory.Contains("/specifications/", StringComparison.Ordinal) => _ => LockFiles.GemSpec(name),
            _ when name.EndsWith(".jar", StringComparison.Ordinal) || name.EndsWith(".war", StringComparison.Ordinal) || name.EndsWith(".ear", StringComparison.Ordinal) => JavaArchive.Packages,
            _ => null,
        };
    }

    private static PackageParser? OfSystem(string path) => path switch
    {
        DpkgStatus => Deb,
        ApkInstalled or "usr/lib/apk/db/installed" => Apk,
        "var/lib/rpm/rpmdb.sqlite" or "usr/lib/sysimage/rpm/rpmdb.sqlite" => static file => RpmHeader.Packages(SqliteTable.Blobs(file, "Packages")),
        "var/lib/rpm/Packages.db" or "usr/lib/sysimage/rpm/Packages.db" => static file => RpmHeader.Packages(RpmDatabase.Ndb(file)),
        "var/lib/rpm/Packages" or "usr/lib/sysimage/rpm/Packages" => static file => RpmHeader.Packages(RpmDatabase.BerkeleyHash(file)),
        _ when path.StartsWith(DpkgDirectory, StringComparison.Ordinal) && !path.EndsWith(".md5sums", StringComparison.Ordinal) => Deb,
        _ => null,
    };

    private static PackageParser? OfPython(string directory, string name) => name switch
    {
        "METADATA" when directory.EndsWith(".dist-info/", StringComparison.Ordinal) => Wheel,
        "PKG-INFO" when directory.EndsWith(".egg-info/", StringComparison.Ordinal) => Wheel,
        "poetry.lock" or "uv.lock" => static file => LockFiles.Toml(PackageKind.PyPI, Text(file), needsSource: false),
        "Pipfile.lock" => JsonFiles.Pipfile,
        _ when name.EndsWith(".egg-info", StringComparison.Ordinal) => Wheel,
        _ => null,
    };

    private static PackageParser? OfNode(string directory, string name)
    {
        bool isInstalled = directory.Contains("/node_modules/", StringComparison.Ordinal);
        if (name == "package.json") return isInstalled ? new PackageParser(JsonFiles.NodePackage) : null;
        // What a package would have had for itself says nothing of what it was given.
        if (isInstalled) return null;
        return name switch
        {
            "package-lock.json" or "npm-shrinkwrap.json" => JsonFiles.NodeLock,
            "yarn.lock" => static file => LockFiles.Yarn(Text(file)),
            "pnpm-lock.yaml" => static file => LockFiles.Pnpm(Text(file)),
            _ => null,
        };
    }

    /// <summary>Whether a file tells what should be installed beside it: it does not count where what is installed is there itself.</summary>
    public static bool IsNodeLock(string path) => path.EndsWith("package-lock.json", StringComparison.Ordinal) || path.EndsWith("npm-shrinkwrap.json", StringComparison.Ordinal) || path.EndsWith("yarn.lock", StringComparison.Ordinal) || path.EndsWith("pnpm-lock.yaml", StringComparison.Ordinal);

    private static string Text(byte[] file) => Encoding.UTF8.GetString(file);

    private static IEnumerable<Package> Deb(byte[] file) => Stanzas.In(Text(file)).Select(Deb).OfType<Package>();

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

    private static IEnumerable<Package> Apk(byte[] file) =>
        from fields in Stanzas.In(Text(file))
        where fields.ContainsKey("P") && fields.ContainsKey("V")
        select new Package(PackageKind.Apk, fields["P"], fields["V"], fields.GetValueOrDefault("o") ?? fields["P"], fields["V"]);

    /// <summary>Python's metadata: the first paragraph; a description follows.</summary>
    private static IEnumerable<Package> Wheel(byte[] file) => Stanzas.In(Text(file)).Take(1).Where(static about => about.ContainsKey("Name") && about.ContainsKey("Version")).Select(static about => Package.Of(PackageKind.PyPI, about["Name"], about["Version"]));
}
