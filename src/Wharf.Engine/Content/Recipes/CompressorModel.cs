namespace Wharf.Engine.Content.Recipes;

/// <summary>The compressors whose choices can be predicted, by the numbers that stand in recipes: none may ever change its meaning.</summary>
internal static class CompressorModel
{
    // zlib's deflate.c, configuration_table; gzip and pigz have the same.
    private static readonly ChainSearch[] Zlib =
    [
        new(false, false, 4, 4, 8, 4), new(false, false, 4, 5, 16, 8), new(false, false, 4, 6, 32, 32),
        new(false, true, 4, 4, 16, 16), new(false, true, 8, 16, 32, 32), new(false, true, 8, 16, 128, 128),
        new(false, true, 8, 32, 128, 256), new(false, true, 32, 128, 258, 1024), new(false, true, 32, 258, 258, 4096),
    ];

    // Go's compress/flate from level 2 on.
    private static readonly ChainSearch[] Go =
    [
        new(true, false, 4, 5, 16, 8), new(true, false, 4, 6, 32, 32), new(true, true, 4, 4, 16, 16), new(true, true, 8, 16, 32, 32),
        new(true, true, 8, 16, 128, 128), new(true, true, 8, 32, 128, 256), new(true, true, 32, 128, 258, 1024), new(true, true, 32, 258, 258, 4096),
    ];

    /// <summary>Most frequent first: of equals, the first is taken.</summary>
    public static IReadOnlyList<byte> All { get; } = [14, 6, 17, 1, 9, 2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 15, 16, 18, 19];

    public static TokenPredictor Make(int model, PlainWindow window) => model switch
    {
        >= 1 and <= 9 => new ChainPredictor(window, Zlib[model - 1]),
        >= 10 and <= 17 => new ChainPredictor(window, Go[model - 10]),
        18 => new GoFastPredictor(window),
        19 => new PiecePredictor(window),
        _ => throw new InvalidDataException("the recipe is of a newer kind"),
    };
}
