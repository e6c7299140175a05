namespace Wharf.Engine.Content.Recipes;

/// <summary>Codes tokens as differences from what was predicted. The same steps read and write, so that both always agree.</summary>
internal sealed class TokenModel(PlainWindow window, MatchFinder finder)
{
    private readonly ushort[] _asPredicted = BitTree.Probabilities(4 * 16), _literal = BitTree.Probabilities(16), _sameLength = BitTree.Probabilities(1), _sameDistance = BitTree.Probabilities(1);
    private readonly BitTree _lengthAfterLiteral = new(8), _length = new(8), _rank = new(8);
    // Of the last tokens, one bit each: whether they came as predicted.
    private int _past;

    public Token Code<T>(T coder, Token predicted, Token actual) where T : struct, IBitCoder
    {
        int kind = !predicted.IsMatch ? 0 : predicted.Length < 5 ? 1 : predicted.Length < 16 ? 2 : 3;
        bool same = coder.Bit(ref _asPredicted[kind * 16 + _past], actual == predicted ? 0 : 1) == 0;
        int past = _past;
        _past = (_past << 1 | (same ? 0 : 1)) & 15;
        if (same) return predicted;
        if (!predicted.IsMatch) return new Token(Length(coder, _lengthAfterLiteral, actual.Length, out int found), Distance(coder, found, actual.Distance));
        if (coder.Bit(ref _literal[past], actual.IsMatch ? 1 : 0) == 0) return Token.Literal;
        int length = predicted.Length;
        if (coder.Bit(ref _sameLength[0], actual.Length == predicted.Length ? 0 : 1) != 0)
        {
            Length(coder, _length, actual.Length, out length);
            if (coder.Bit(ref _sameDistance[0], actual.Distance == predicted.Distance ? 0 : 1) == 0) return new Token(length, predicted.Distance);
        }
        return new Token(length, Distance(coder, length, actual.Distance));
    }

    private static int Length<T>(T coder, BitTree tree, int length, out int found) where T : struct, IBitCoder => found = tree.Code(coder, length - 3 & 0xff) + 3;

    private int Distance<T>(T coder, int length, int distance) where T : struct, IBitCoder
    {
        // A decoder has no distance to look for, and looks for the rank it reads.
        int rank = _rank.Code(coder, distance == 0 ? 0 : finder.Rank(length, distance));
        if (rank != MatchFinder.NotFound) return distance != 0 ? distance : finder.Distance(length, rank);
        distance = (int)coder.Bits((uint)(distance - 1) & 0x7fff, 15) + 1;
        return window.Position - distance >= Math.Max(0, window.MemberStart) ? distance : throw new InvalidDataException("the recipe is damaged: a copy from before the start");
    }

    /// <summary>Where bytes went out without tokens, the compressor had searched as always: goes on by one of what it would have said. Gives its length.</summary>
    public static int RunFree(PlainWindow window, TokenPredictor predictor, int limit)
    {
        var token = predictor.Predict();
        if (token.Length > limit) token = limit < 3 ? Token.Literal : token with { Length = limit };
        predictor.Accept(token);
        window.Position += token.Length;
        return token.Length;
    }
}
