using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Trust;

/// <summary>Which name a signature must give an image (<c>signedIdentity</c> in containers-policy.json(5)): so that what was signed for one name is not passed off under another.</summary>
/// <param name="Type">As in the file; <see cref="DigestOnly"/> is Wharf's own.</param>
/// <param name="Name">The reference, repository or prefix of the types that have one.</param>
/// <param name="SignedPrefix">What takes the place of the prefix.</param>
public sealed record SignedIdentity(string Type, string? Name = null, string? SignedPrefix = null)
{
    /// <summary>The digest alone says what was signed: for cosign 3's bundles, which have no names.</summary>
    public const string DigestOnly = "matchDigestOnly";
    public const string Default = "matchRepoDigestOrExact";

    /// <summary>Whether a signature that calls the image <paramref name="signed"/> (null: it gives no name) may stand for it.</summary>
    public bool Fits(ImageReference image, string? signed)
    {
        if (Type == DigestOnly) return true;
        if (signed is null || !ImageReference.TryParse(signed, out var name)) return false;
        return Type switch
        {
            "matchExact" => IsSame(image, name),
            Default => IsRepositoryOrSame(image, name),
            "matchRepository" => image.Repository == name.Repository,
            "exactReference" => ImageReference.TryParse(Name!, out var exact) && IsSame(exact, name),
            "exactRepository" => ImageReference.TryParse(Name!, out var repository) && repository.Repository == name.Repository,
            "remapIdentity" => Remap(image) is { } remapped && IsRepositoryOrSame(remapped, name),
            _ => false,
        };
    }

    private static bool IsSame(ImageReference image, ImageReference name) => (name.Tag is not null || name.Digest is not null) && image.Canonical == name.Canonical;

    private static bool IsRepositoryOrSame(ImageReference image, ImageReference name) => image.Digest is null ? IsSame(image, name) : image.Repository == name.Repository;

    private ImageReference? Remap(ImageReference image)
    {
        if (!IsWithin(image.Canonical, Name!)) return image;
        return ImageReference.TryParse(SignedPrefix + image.Canonical[Name!.Length..], out var remapped) ? remapped : null;
    }

    /// <summary>Whether a full name begins with a host, a namespace or a repository.</summary>
    private static bool IsWithin(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal) && (name.Length == prefix.Length || name[prefix.Length] is '/' || name[prefix.Length] is ':' or '@' && prefix.Contains('/'));
}
