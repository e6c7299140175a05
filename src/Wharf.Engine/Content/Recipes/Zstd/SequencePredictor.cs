namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Says what a certain compressor of zstd would do next. It searches within a block, which ends where the window does.</summary>
internal abstract class SequencePredictor(PlainWindow window, RepeatOffsets offsets) : TokenPredictor(window)
{
    /// <summary>Hints are below this.</summary>
    public const int Hints = 8;

    /// <summary>The offsets as the archive has them; a compressor's own may be others until its next sequence.</summary>
    protected RepeatOffsets Offsets { get; } = offsets;

    /// <summary>A class of predictions that are right about equally often.</summary>
    public virtual int Hint => 0;

    /// <summary>A block begins at the window's position.</summary>
    public abstract void BeginBlock();
}
