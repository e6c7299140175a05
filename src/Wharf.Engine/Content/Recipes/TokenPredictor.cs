namespace Wharf.Engine.Content.Recipes;

/// <summary>Says what a certain compressor would do next. It is told what was really done, and goes on from there.</summary>
internal abstract class TokenPredictor(PlainWindow window)
{
    protected PlainWindow Window { get; } = window;

    /// <summary>The token at the window's position. Called once for each.</summary>
    public abstract Token Predict();

    /// <summary>What really stood there; the position goes on after this.</summary>
    public abstract void Accept(Token actual);

    /// <summary>All positions went down.</summary>
    public abstract void Slide(int by);

    /// <summary>A new member begins here, with no history.</summary>
    public abstract void Restart();

    protected static void Lower(int[] positions, int by)
    {
        for (int i = 0; i < positions.Length; i++) positions[i] = Math.Max(positions[i] - by, Nowhere);
    }

    protected const int Nowhere = -(1 << 30);
}
