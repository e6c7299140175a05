namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Whose packages they are. The names are the types of package URLs.</summary>
internal enum PackageKind { Deb, Apk, Rpm, Npm, PyPI, Golang, NuGet, Cargo, Gem, Composer, Maven }

/// <summary>An installed package, and the source package it was built from, by which some keep advisories.</summary>
internal sealed record Package(PackageKind Kind, string Name, string Version, string Source, string SourceVersion)
{
    /// <summary>A package that has no source package: of a language, as its index spells it.</summary>
    public static Package Of(PackageKind kind, string name, string version)
    {
        name = Spelled(kind, name);
        return new Package(kind, name, version, name, version);
    }

    /// <summary>Names that mean the same package are one: Python's by PEP 503, those of NuGet and Packagist in any case.</summary>
    public static string Spelled(PackageKind kind, string name) => kind switch
    {
        PackageKind.PyPI => string.Join('-', name.ToLowerInvariant().Split(['-', '_', '.'], StringSplitOptions.RemoveEmptyEntries)),
        PackageKind.NuGet or PackageKind.Composer => name.ToLowerInvariant(),
        _ => name,
    };

    public bool IsOfSystem => Kind is PackageKind.Deb or PackageKind.Apk or PackageKind.Rpm;
    public string Type => Kind.ToString().ToLowerInvariant();
}
