using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using Wharf.Specs.Errors;

namespace Wharf.Specs.Image;

/// <summary>
/// An image's name: <c>[domain/]path[:tag][@digest]</c> (the grammar of the distribution project's reference package). Without a domain
/// it is of docker.io, and there without a slash of <c>library/</c>.
/// </summary>
public sealed partial record ImageReference
{
    public const string DefaultDomain = "docker.io", DefaultTag = "latest";
    private const int MaxNameLength = 255;

    private ImageReference(string domain, string path, string? tag, Digest? digest) => (Domain, Path, Tag, Digest) = (domain, path, tag, digest);

    /// <summary>The registry's host, with its port where one was given.</summary>
    public string Domain { get; }
    /// <summary>The repository's name within the registry, <c>library/busybox</c>.</summary>
    public string Path { get; }
    public string? Tag { get; }
    public Digest? Digest { get; }

    /// <summary><c>docker.io/library/busybox</c>.</summary>
    public string Repository => $"{Domain}/{Path}";
    /// <summary>The repository as people write it: <c>busybox</c>.</summary>
    public string FamiliarRepository => Domain != DefaultDomain ? Repository : Path.StartsWith("library/", StringComparison.Ordinal) && Path.IndexOf('/', 8) < 0 ? Path[8..] : Path;
    /// <summary>As people write it, with tag and digest where there are any.</summary>
    public string Familiar => FamiliarRepository + Suffix;
    public string Canonical => Repository + Suffix;
    private string Suffix => (Tag is null ? "" : ":" + Tag) + (Digest is null ? "" : "@" + Digest);

    /// <summary>With <c>latest</c> where neither tag nor digest was given.</summary>
    public ImageReference WithDefaultTag() => Tag is null && Digest is null ? WithTag(DefaultTag) : this;
    public ImageReference WithTag(string tag) => new(Domain, Path, tag, null);
    public ImageReference WithDigest(Digest digest) => new(Domain, Path, null, digest);

    /// <summary>
    /// Repository and tag as the API gives them apart (tag, commit, import); null without a repository. A tag of its own goes before one in the repository.
    /// </summary>
    public static ImageReference? FromParts(string? repository, string? tag)
    {
        if (string.IsNullOrEmpty(repository)) return null;
        var reference = Parse(repository);
        if (reference.Digest is not null) throw WharfException.Invalid("cannot import digest reference");
        if (string.IsNullOrEmpty(tag)) return reference.WithDefaultTag();
        return TagPattern().IsMatch(tag) ? reference.WithTag(tag) : throw WharfException.Invalid("invalid tag format");
    }

    public static ImageReference Parse(string text) => TryParse(text, out var reference, out var problem) ? reference : throw WharfException.Invalid(problem);

    public static bool TryParse(string text, [NotNullWhen(true)] out ImageReference? reference) => TryParse(text, out reference, out _);

    private static bool TryParse(string text, [NotNullWhen(true)] out ImageReference? reference, out string problem)
    {
        reference = null;
        problem = "invalid reference format";
        if (HexId().IsMatch(text))
        {
            problem = $"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings";
            return false;
        }
        var rest = text;
        Digest? digest = null;
        int at = rest.IndexOf('@');
        if (at >= 0)
        {
            if (!Image.Digest.TryParse(rest[(at + 1)..], out var parsed)) return false;
            digest = parsed;
            rest = rest[..at];
        }
        string? tag = null;
        int colon = rest.LastIndexOf(':');
        if (colon > rest.LastIndexOf('/'))
        {
            tag = rest[(colon + 1)..];
            rest = rest[..colon];
            if (!TagPattern().IsMatch(tag)) return false;
        }
        var (domain, path) = SplitDomain(rest);
        // Docker looks at the name up to the first colon.
        if (path.Any(char.IsAsciiLetterUpper)) problem = $"invalid reference format: repository name ({path.Split(':')[0]}) must be lowercase";
        if (!DomainPattern().IsMatch(domain) || !PathPattern().IsMatch(path)) return false;
        if (domain.Length + path.Length + 1 > MaxNameLength)
        {
            problem = $"repository name must not be more than {MaxNameLength} characters";
            return false;
        }
        reference = new ImageReference(domain, path, tag, digest);
        return true;
    }

    private static (string Domain, string Path) SplitDomain(string name)
    {
        int slash = name.IndexOf('/');
        var first = slash < 0 ? "" : name[..slash];
        bool isDomain = slash >= 0 && (first.AsSpan().ContainsAny('.', ':') || first == "localhost" || first.Any(char.IsAsciiLetterUpper));
        var (domain, path) = isDomain ? (first, name[(slash + 1)..]) : (DefaultDomain, name);
        if (domain is "index.docker.io" or "registry-1.docker.io") domain = DefaultDomain;
        return domain == DefaultDomain && !path.Contains('/') ? (domain, "library/" + path) : (domain, path);
    }

    [GeneratedRegex(@"^[0-9a-f]{64}\z", RegexOptions.CultureInvariant)] private static partial Regex HexId();
    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\z", RegexOptions.CultureInvariant)] private static partial Regex TagPattern();
    [GeneratedRegex(@"^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?\z", RegexOptions.CultureInvariant)] private static partial Regex DomainPattern();
    [GeneratedRegex(@"^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\z", RegexOptions.CultureInvariant)] private static partial Regex PathPattern();

    public override string ToString() => Familiar;
}
