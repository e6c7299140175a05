using System.Text.RegularExpressions;

namespace Wharf.Daemon.Registry.Http;

/// <summary>What a path of the distribution API names.</summary>
public enum RouteKind { Base, Catalog, Tags, Manifest, Blob, Uploads, Upload, Referrers }

/// <summary>A parsed path below <c>/v2/</c>. Names are checked here: what comes out fits the specification's grammar, so it is safe as a path of files.</summary>
public sealed partial record RegistryRoute(RouteKind Kind, string Name, string Reference)
{
    /// <summary>Repository names longer than this are refused: many clients count the host in and end at 255.</summary>
    public const int MaxNameLength = 255;

    public bool IsTag => Kind == RouteKind.Manifest && !Reference.Contains(':');

    /// <summary>
    /// Parses the path as sent; null when it is none of the API's. Throws NAME_INVALID. A tag or digest outside the grammar names nothing that could be there: 404 as
    /// the endpoints' table has it, and for a push MANIFEST_INVALID or DIGEST_INVALID.
    /// </summary>
    public static RegistryRoute? Parse(ReadOnlySpan<char> rawPath, bool isPush = false)
    {
        if (rawPath is "/v2" or "/v2/") return new RegistryRoute(RouteKind.Base, "", "");
        if (!rawPath.StartsWith("/v2/")) return null;
        var rest = rawPath[4..].ToString();
        if (rest == "_catalog") return new RegistryRoute(RouteKind.Catalog, "", "");
        var parts = rest.Split('/');
        int count = parts.Length;
        if (count >= 3 && parts[^2] == "tags" && parts[^1] == "list") return Of(RouteKind.Tags, parts, 2, "", isPush);
        if (count >= 4 && parts[^3] == "blobs" && parts[^2] == "uploads") return Of(parts[^1] == "" ? RouteKind.Uploads : RouteKind.Upload, parts, 3, parts[^1], isPush);
        if (count >= 3 && parts[^2] == "blobs" && parts[^1] == "uploads") return Of(RouteKind.Uploads, parts, 2, "", isPush);
        if (count >= 3 && parts[^2] == "manifests" && parts[^1] != "") return Of(RouteKind.Manifest, parts, 2, parts[^1], isPush);
        if (count >= 3 && parts[^2] == "blobs" && parts[^1] != "") return Of(RouteKind.Blob, parts, 2, parts[^1], isPush);
        if (count >= 3 && parts[^2] == "referrers" && parts[^1] != "") return Of(RouteKind.Referrers, parts, 2, parts[^1], isPush);
        return null;
    }

    private static RegistryRoute Of(RouteKind kind, string[] parts, int tail, string reference, bool isPush)
    {
        var name = Uri.UnescapeDataString(string.Join('/', parts, 0, parts.Length - tail));
        CheckName(name);
        reference = Uri.UnescapeDataString(reference);
        bool isTag = kind == RouteKind.Manifest && !reference.Contains(':');
        if (isTag && !IsValidTag(reference)) throw new RegistryException(isPush ? RegistryErrorCode.ManifestInvalid : RegistryErrorCode.ManifestUnknown, $"invalid tag: {Shorten(reference)}");
        if (!isTag && kind is RouteKind.Manifest or RouteKind.Blob && !Specs.Image.Digest.TryParse(reference, out _))
            throw new RegistryException(isPush ? RegistryErrorCode.DigestInvalid : kind == RouteKind.Blob ? RegistryErrorCode.BlobUnknown : RegistryErrorCode.ManifestUnknown, $"invalid digest: {Shorten(reference)}");
        return new RegistryRoute(kind, name, reference);
    }

    public static void CheckName(string name)
    {
        if (!IsValidName(name)) throw new RegistryException(RegistryErrorCode.NameInvalid, $"invalid repository name: {Shorten(name)}");
    }

    public static bool IsValidName(string name) => name.Length <= MaxNameLength && NamePattern().IsMatch(name);
    public static bool IsValidTag(string tag) => TagPattern().IsMatch(tag);
    private static string Shorten(string text) => text.Length <= 80 ? text : text[..80] + "…";

    // distribution-spec, "Pulling manifests": the grammar of <name> and of a tag.
    [GeneratedRegex(@"^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)] private static partial Regex NamePattern();
    [GeneratedRegex(@"^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\z", RegexOptions.CultureInvariant)] private static partial Regex TagPattern();
}
