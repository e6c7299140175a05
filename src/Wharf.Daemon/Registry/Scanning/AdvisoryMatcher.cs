using System.Text.Json;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Holds advisories against what is installed. Each vulnerability of a source package is told once for each package built from it.</summary>
internal sealed class AdvisoryMatcher
{
    private const int MaxSummary = 300;

    private readonly PackageList _installed;
    private readonly ILookup<string, Package> _bySource;
    /// <summary>Packages by each name that an OSV record may mean them by: of rpm's those of the packages themselves, too.</summary>
    private readonly ILookup<string, Package> _byName;
    private readonly HashSet<(string Id, PackageKind Kind, string Package, string Version)> _told = [];

    public AdvisoryMatcher(PackageList installed)
    {
        _installed = installed;
        _bySource = installed.Packages.Where(static package => package.IsOfSystem).ToLookup(static package => package.Source, StringComparer.Ordinal);
        _byName = installed.Packages.SelectMany(static package => (package.Kind == PackageKind.Rpm ? [package.Source, package.Name] : (string[])[package.Source]).Distinct().Select(name => (Name: name, Package: package)))
            .ToLookup(static pair => pair.Name, static pair => pair.Package, StringComparer.Ordinal);
    }

    public List<Finding> Findings { get; } = [];

    public bool HasSource(string name) => _bySource.Contains(name);

    private static string? Text(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static IEnumerable<JsonElement> List(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];

    private void Tell(string id, Package package, string? repaired, string? severity, string? summary)
    {
        if (!_told.Add((id, package.Kind, package.Name, package.Version))) return;
        if (summary?.Length > MaxSummary) summary = summary[..MaxSummary] + "…";
        Findings.Add(new Finding { Id = id, Package = package.Name, Source = package.Source, Version = package.Version, Fixed = repaired, Severity = severity, Summary = summary });
    }

    /// <summary>An advisory of Debian's tracker: for each release open, or resolved in a version ("0": never was there).</summary>
    public void Tracker(string source, string id, JsonElement advisory)
    {
        if (_installed.Os != "debian" || !advisory.TryGetProperty("releases", out var releases) || releases.ValueKind != JsonValueKind.Object || !releases.TryGetProperty(_installed.Codename, out var release)) return;
        var repaired = Text(release, "fixed_version");
        if (Text(release, "status") is not ("open" or "resolved") and not null || Text(release, "status") == "resolved" && repaired is null) return;
        foreach (var package in _bySource[source])
            if (Text(release, "status") == "open" || PackageVersion.Compare(package.Kind, package.SourceVersion, repaired!) < 0)
                Tell(id, package, Text(release, "status") == "open" ? null : repaired, Text(release, "urgency"), Text(advisory, "description"));
    }

    /// <summary>Alpine's secdb: of each source package the versions in which vulnerabilities were mended.</summary>
    public void SecDb(JsonElement document)
    {
        if (_installed.Os != "alpine" || !("v" + _installed.Version + ".").StartsWith(Text(document, "distroversion") + ".", StringComparison.Ordinal)) return;
        foreach (var entry in List(document, "packages"))
        {
            if (!entry.TryGetProperty("pkg", out var described) || Text(described, "name") is not { } source || !HasSource(source) || !described.TryGetProperty("secfixes", out var fixes) || fixes.ValueKind != JsonValueKind.Object) continue;
            foreach (var version in fixes.EnumerateObject().Where(static version => version.Name != "0" && version.Value.ValueKind == JsonValueKind.Array))
                foreach (var package in _bySource[source].Where(package => PackageVersion.Compare(package.Kind, package.SourceVersion, version.Name) < 0))
                    // "CVE-2021-1 GHSA-…" is one vulnerability under its names.
                    foreach (var id in version.Value.EnumerateArray().Where(static id => id.ValueKind == JsonValueKind.String)) Tell(id.GetString()!.Split(' ')[0], package, version.Name, null, null);
        }
    }

    /// <summary>An OSV record (ossf.github.io/osv-schema).</summary>
    public void Osv(JsonElement record)
    {
        if (Text(record, "withdrawn") is not null || Text(record, "id") is not { } id) return;
        var name = List(record, "aliases").Concat(List(record, "upstream")).Where(static alias => alias.ValueKind == JsonValueKind.String).Select(static alias => alias.GetString()!).FirstOrDefault(static alias => alias.StartsWith("CVE-", StringComparison.Ordinal)) ?? id;
        foreach (var affected in List(record, "affected"))
        {
            if (!affected.TryGetProperty("package", out var described) || Text(described, "name") is not { } spelled || Text(described, "ecosystem") is not { } ecosystem) continue;
            var parts = ecosystem.Split(':');
            var kind = Ecosystems.KindOf(parts[0]);
            if (kind is null && !Ecosystems.IsRelease(parts, _installed)) continue;
            foreach (var package in _byName[kind is { } language ? Package.Spelled(language, spelled) : spelled])
                if (kind is null ? package.IsOfSystem : package.Kind == kind)
                    if (IsAffected(affected, package) is (true, var repaired)) Tell(name, package, repaired, SeverityOf(record, affected), Text(record, "summary") ?? Text(record, "details"));
        }
    }

    private static (bool IsAffected, string? Fixed) IsAffected(JsonElement affected, Package package)
    {
        foreach (var range in List(affected, "ranges").Where(static range => Text(range, "type") is "ECOSYSTEM" or "SEMVER"))
        {
            bool isIn = false;
            string? repaired = null;
            foreach (var step in List(range, "events"))
            {
                if (Text(step, "introduced") is { } introduced && (introduced == "0" || Compare(introduced) >= 0)) isIn = true;
                else if (Text(step, "fixed") is { } version)
                {
                    if (Compare(version) >= 0) isIn = false;
                    else if (isIn) repaired ??= version;
                }
                else if (Text(step, "last_affected") is { } last && Compare(last) > 0) isIn = false;
            }
            if (isIn) return (true, repaired);
        }
        return (List(affected, "versions").Any(version => version.ValueKind == JsonValueKind.String && version.GetString() == package.SourceVersion), null);

        int Compare(string version) => PackageVersion.Compare(package.Kind, package.SourceVersion, version);
    }

    private static string? SeverityOf(JsonElement record, JsonElement affected)
    {
        foreach (var (element, member) in ((JsonElement, string)[])[(affected, "ecosystem_specific"), (affected, "database_specific"), (record, "database_specific")])
            if (element.TryGetProperty(member, out var more) && (Text(more, "severity") ?? Text(more, "urgency")) is { } severity) return severity;
        return List(affected, "severity").Concat(List(record, "severity")).Select(static severity => Text(severity, "score")).FirstOrDefault(static score => score is not null);
    }
}
