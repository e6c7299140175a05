using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>An image's configuration after layers of it became one.</summary>
internal static class LayerMerge
{
    /// <summary>
    /// The lowest <paramref name="kept"/> layers stay, the others are <paramref name="merged"/> now. The history keeps every step: those whose layers went say that they have
    /// none, and a last one says what was done.
    /// </summary>
    public static OciImage Apply(OciImage image, IReadOnlyList<Digest> diffIds, int kept, Digest merged)
    {
        int layers = 0;
        var history = image.History?.ConvertAll(entry => entry.EmptyLayer == true || ++layers <= kept ? entry : entry with { EmptyLayer = true }) ?? [];
        history.Add(new HistoryEntry { Created = image.Created, Comment = $"merge of {diffIds.Count - kept} layers" });
        return image with { RootFs = new RootFs { DiffIds = [.. diffIds.Take(kept), merged] }, History = history };
    }
}
