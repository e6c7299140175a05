namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Codes the tokens of blocks as differences from what was predicted, and how their offsets are told. The same steps read and write.</summary>
internal sealed class SequenceModel(PlainWindow window, WindowFinder finder, RepeatOffsets offsets)
{
    private const int Kinds = 5, Past = 4;

    private readonly ushort[] _asPredicted = BitTree.Probabilities(Kinds * SequencePredictor.Hints << Past), _literal = BitTree.Probabilities(SequencePredictor.Hints << Past);
    private readonly ushort[] _sameDistance = BitTree.Probabilities(2), _longer = BitTree.Probabilities(2), _isRepeated = BitTree.Probabilities(2 * (RepeatOffsets.Codes + 1));
    private readonly BitTree _place = new(2), _form = new(2), _rank = new(6);
    private readonly NumberModel _lengthAfterLiteral = new(), _length = new(), _less = new(), _more = new(), _distance = new();
    // Of the last tokens, one bit each: whether they came as predicted.
    private int _past;

    private static int Kind(Token token) => !token.IsMatch ? 0 : token.Length < 5 ? 1 : token.Length < 8 ? 2 : token.Length < 20 ? 3 : 4;

    public Token Code<T>(T coder, Token predicted, int hint, Token actual) where T : struct, IBitCoder
    {
        bool same = coder.Bit(ref _asPredicted[((Kind(predicted) * SequencePredictor.Hints + hint) << Past) + _past], actual == predicted ? 0 : 1) == 0;
        int past = _past;
        _past = (_past << 1 | (same ? 0 : 1)) & (1 << Past) - 1;
        if (same) return predicted;
        int length;
        if (!predicted.IsMatch)
        {
            length = _lengthAfterLiteral.Code(coder, Math.Max(actual.Length - SequenceCodes.MinMatch, 0)) + SequenceCodes.MinMatch;
            return new Token(length, Distance(coder, length, actual.Distance));
        }
        if (coder.Bit(ref _literal[(hint << Past) + past], actual.IsMatch ? 1 : 0) == 0) return Token.Literal;
        if (coder.Bit(ref _sameDistance[0], actual.Distance == predicted.Distance ? 0 : 1) == 0)
        {
            bool longer = coder.Bit(ref _longer[0], actual.Length > predicted.Length ? 1 : 0) == 1;
            int difference = longer ? _more.Code(coder, Math.Max(0, actual.Length - predicted.Length - 1)) + 1 : -1 - _less.Code(coder, Math.Max(0, predicted.Length - actual.Length - 1));
            return new Token(Math.Max(predicted.Length + difference, SequenceCodes.MinMatch), predicted.Distance);
        }
        length = _length.Code(coder, Math.Max(actual.Length - SequenceCodes.MinMatch, 0)) + SequenceCodes.MinMatch;
        return new Token(length, Distance(coder, length, actual.Distance));
    }

    /// <summary>A distance, by the repeated one that it is, by its rank or by its bits.</summary>
    private int Distance<T>(T coder, int length, int distance) where T : struct, IBitCoder
    {
        int place = distance == 0 ? 0 : distance == offsets.First ? 1 : distance == offsets.Second ? 2 : distance == offsets.Third ? 3 : 0;
        place = _place.Code(coder, place);
        if (place > 0) return Checked(place == 1 ? offsets.First : place == 2 ? offsets.Second : offsets.Third);
        // A decoder has no distance to look for, and looks for the rank it reads.
        int rank = _rank.Code(coder, distance == 0 ? 0 : finder.Rank(length, distance));
        return rank != WindowFinder.NotFound ? distance != 0 ? distance : finder.Distance(length, rank) : Checked(_distance.Code(coder, Math.Max(distance - 1, 0)) + 1);
    }

    private int Checked(int distance) => distance <= window.Position - Math.Max(0, window.MemberStart) ? distance : throw new InvalidDataException("the recipe is damaged: a copy from before the start");

    /// <summary>How a distance is told: as a repeated one where it is one, mostly.</summary>
    public int Offset<T>(T coder, int distance, bool noLiterals, int actual) where T : struct, IBitCoder
    {
        int code = 1;
        while (code <= RepeatOffsets.Codes && offsets.Distance(code, noLiterals) != distance) code++;
        if (code > RepeatOffsets.Codes) return distance + RepeatOffsets.Codes;
        if (coder.Bit(ref _isRepeated[code * 2 + (noLiterals ? 1 : 0)], actual == code ? 0 : 1) == 0) return code;
        int form = _form.Code(coder, actual > RepeatOffsets.Codes ? 0 : actual);
        return form == 0 ? distance + RepeatOffsets.Codes : form;
    }
}
