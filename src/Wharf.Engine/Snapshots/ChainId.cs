using System.Collections.Concurrent;
using System.Text;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>Names a stack of layers by their uncompressed digests (OCI image-spec, config.md, "Layer ChainID").</summary>
public static class ChainId
{
    /// <summary>So many are kept at hand: a build that is all cached, or a listing, asks for the same ones again and again.</summary>
    private const int MaxAtHand = 4096;

    private static readonly ConcurrentDictionary<(Digest Parent, Digest DiffId), Digest> AtHand = new();
    private static int _atHand;

    public static Digest Of(Digest? parent, Digest diffId)
    {
        if (parent is not { } below) return diffId;
        if (AtHand.TryGetValue((below, diffId), out var known)) return known;
        if (Interlocked.Increment(ref _atHand) > MaxAtHand)
        {
            AtHand.Clear();
            _atHand = 0;
        }
        return AtHand[(below, diffId)] = Digest.OfBytes(Encoding.ASCII.GetBytes($"{below} {diffId}"));
    }

    /// <summary>The chain ID of all of <paramref name="diffIds"/>, lowest first; null of none.</summary>
    public static Digest? Of(IEnumerable<Digest> diffIds)
    {
        Digest? chain = null;
        foreach (var diffId in diffIds) chain = Of(chain, diffId);
        return chain;
    }
}
