using Wharf.Engine.Images;

namespace Wharf.Engine.Build.Exporting;

/// <summary>How images are put together for the way out.</summary>
public sealed record LayoutOptions
{
    public ImageService.LayerCompression Compression { get; init; }
    public bool OciTypes { get; init; } = true;
    /// <summary>Annotations of the manifests, by where they go: <c>manifest</c>, <c>index</c>, <c>manifest-descriptor</c>; with <c>[os/arch]</c> behind for one platform only.</summary>
    public IReadOnlyList<(string Place, string Key, string Value)> Annotations { get; init; } = [];
    /// <summary>Several platforms, so an index even when only one was built.</summary>
    public bool Index { get; init; }
    /// <summary>Names of the image, as provenance has them.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];
    /// <summary>The attestations of an image, by the digest of its manifest; none when null.</summary>
    public Func<LayoutImage, Specs.Image.Digest, IReadOnlyList<Attestation>>? Attest { get; init; }
}

/// <summary>An image to put into a layout: what was built, and for which platform.</summary>
public sealed record LayoutImage(string PlatformKey, SolvedTarget Target);

/// <summary>A statement about an image, in-toto's JSON, and the type of what it says.</summary>
public sealed record Attestation(string PredicateType, byte[] Statement);
