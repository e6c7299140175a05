using System.Numerics;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Predicts, roughly, whoever looks for long copies: the longest one, unless the next place has a better one.</summary>
internal sealed class LongestPredictor(PlainWindow window, RepeatOffsets offsets, WindowFinder finder, int steps) : SequencePredictor(window, offsets)
{
    private Token _next;
    private int _nextAt, _hint;

    public override int Hint => _hint;

    public override void BeginBlock() => _nextAt = -1;

    public override void Restart() => _nextAt = -1;

    public override void Slide(int by) => _nextAt -= by;

    /// <summary>The best at a place: a repeated distance, which costs little, or the longest.</summary>
    private Token Best(int at)
    {
        var longest = finder.Longest(at, steps);
        int limit = Window.End - at, lowest = Math.Max(0, Window.MemberStart);
        var best = longest;
        foreach (int distance in (ReadOnlySpan<int>)[Offsets.First, Offsets.Second, Offsets.Third])
        {
            if (at - distance < lowest || distance <= 0) continue;
            int length = Window.Common(at - distance, at, limit);
            if (length >= 4 && Worth(new Token(length, distance), isRepeated: true) > (best.IsMatch ? Worth(best, best.Distance == distance) : 0)) best = new Token(length, distance);
        }
        return best;
    }

    private static int Worth(Token token, bool isRepeated) => token.Length * 4 - (isRepeated ? 0 : BitOperations.Log2((uint)token.Distance + 1));

    private bool IsRepeated(Token token) => token.Distance == Offsets.First || token.Distance == Offsets.Second || token.Distance == Offsets.Third;

    public override Token Predict()
    {
        int at = Window.Position;
        var here = _nextAt == at ? _next : Best(at);
        _nextAt = -1;
        _hint = 0;
        if (!here.IsMatch) return Token.Literal;
        _hint = 1 + (IsRepeated(here) ? 1 : 0);
        if (at + 1 >= Window.End) return here;
        (_next, _nextAt) = (Best(at + 1), at + 1);
        if (!_next.IsMatch) return here;
        int gain = Worth(_next, IsRepeated(_next)) - Worth(here, IsRepeated(here)) - 4;
        _hint = (gain > 0 ? 5 : gain > -8 ? 3 : 1) + (IsRepeated(here) ? 1 : 0);
        return gain > 0 ? Token.Literal : here;
    }

    public override void Accept(Token actual) => finder.InsertTo(Window.Position + actual.Length);
}
