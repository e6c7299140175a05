namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>The compressors whose choices can be predicted, by the numbers that stand in recipes: none may ever change its meaning.</summary>
internal static class ZstdModels
{
    /// <summary>Most frequent first: of equals, the first is taken.</summary>
    public static IReadOnlyList<byte> All { get; } = [3, 4, 1, 2];

    /// <summary>How far back ranks of copies go, as a power of two: far where what is predicted is often wrong.</summary>
    private static int ReachBits(int model) => model < 3 ? 23 : 20;

    public static (SequencePredictor Predictor, WindowFinder Finder) Make(int model, PlainWindow window, RepeatOffsets offsets)
    {
        var finder = new WindowFinder(window, ReachBits(model));
        return (model switch
        {
            1 => new LongestPredictor(window, offsets, finder, 16),
            2 => new LongestPredictor(window, offsets, finder, 128),
            3 => new GoDoubleFastPredictor(window, offsets),
            4 => new DoubleFastPredictor(window, offsets, 17, 16, 21),
            _ => throw new InvalidDataException("the recipe is of a newer kind"),
        }, finder);
    }
}
