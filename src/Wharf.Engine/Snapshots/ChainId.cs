using System.Text;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>Names a stack of layers by their uncompressed digests (OCI image-spec, config.md, "Layer ChainID").</summary>
public static class ChainId
{
    public static Digest Of(Digest? parent, Digest diffId) =>
        parent is null ? diffId : Digest.OfBytes(Encoding.ASCII.GetBytes($"{parent} {diffId}"));

    /// <summary>The chain ID of all of <paramref name="diffIds"/>, lowest first; null of none.</summary>
    public static Digest? Of(IEnumerable<Digest> diffIds)
    {
        Digest? chain = null;
        foreach (var diffId in diffIds) chain = Of(chain, diffId);
        return chain;
    }
}
