using Wharf.Engine.Snapshots;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>An image's upper layers as one.</summary>
public sealed partial class ImageService
{
    /// <summary>How much of a layer's digest names it: as much as a short ID has.</summary>
    private const int ShortDigest = 12;

    /// <summary>
    /// Makes an image whose layers above <paramref name="from"/> (a layer's diff ID, or an image that this one stands on; null: nothing) are one. What one of
    /// them made and another removed is in none. The image it is made from stays.
    /// </summary>
    public async Task<ImageRecord> SquashAsync(string name, string? from, IReadOnlyList<string> names, Platform? platform, CancellationToken cancellation)
    {
        foreach (var one in names) if (ImageReference.Parse(one).Digest is not null) throw WharfException.Invalid("refusing to create a tag with a digest reference");
        var image = await GetAsync(name, platform, cancellation);
        var diffIds = image.Config.RootFs?.DiffIds ?? [];
        using var held = _leases.HoldAll();
        var (kept, parent) = string.IsNullOrEmpty(from) ? (0, null) : await KeptLayersAsync(name, diffIds, from, cancellation);
        if (diffIds.Count - kept < 2) throw WharfException.Invalid($"nothing to squash: {name} has {diffIds.Count - kept} layer{(diffIds.Count - kept == 1 ? "" : "s")}{(kept > 0 ? $" above {from}" : "")}");
        var layer = await _snapshots.MergeAsync(ChainId.Of(diffIds.Take(kept)), image.ChainId, cancellation);
        return await CreateNamedAsync(LayerMerge.Apply(image.Config, diffIds, kept, layer.DiffId), parent, names, cancellation);
    }

    private async Task<(int Count, Digest? Parent)> KeptLayersAsync(string name, List<Digest> diffIds, string from, CancellationToken cancellation)
    {
        var hex = from.StartsWith("sha256:", StringComparison.Ordinal) ? from[7..] : from;
        if (hex.Length >= ShortDigest && diffIds.FindIndex(diffId => diffId.Hex.StartsWith(hex, StringComparison.Ordinal)) is >= 0 and var at) return (at + 1, null);
        var below = await GetAsync(from, null, cancellation);
        var own = below.Config.RootFs?.DiffIds ?? [];
        return diffIds.Take(own.Count).SequenceEqual(own) ? (own.Count, below.Id) : throw WharfException.Invalid($"{name} does not stand on {from}");
    }
}
