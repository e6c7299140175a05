namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// How a compressor searches: RFC 1951, section 4, with the choices that zlib (deflate.c) and Go (compress/flate) made.
/// </summary>
/// <param name="IsGo">Hashes of four bytes and matches from four bytes on, as Go has them; else of three, as zlib.</param>
/// <param name="IsLazy">Looks whether the next position has a longer match.</param>
/// <param name="Lazy">The longest match for which that is done; where it is not, the longest whose inner positions are remembered.</param>
internal sealed record ChainSearch(bool IsGo, bool IsLazy, int Good, int Lazy, int Nice, int Chain);

/// <summary>Predicts compressors that keep chains of positions with equal hashes.</summary>
internal sealed class ChainPredictor : TokenPredictor
{
    private const int Mask = 0x7fff, MaxLength = 258, TooFar = 4096;

    private readonly ChainSearch _search;
    private readonly int _min, _reach;
    private readonly int[] _heads, _previous = new int[Mask + 1];
    // Positions before this are in the chains, but for those that the compressor leaves out.
    private int _inserted;
    private Token _next;
    private int _nextAt;

    public ChainPredictor(PlainWindow window, ChainSearch search) : base(window)
    {
        _search = search;
        _min = search.IsGo ? 4 : 3;
        // zlib keeps so much of its window for what comes.
        _reach = search.IsGo ? 32768 : 32768 - 262;
        _heads = new int[search.IsGo ? 1 << 17 : 1 << 15];
        Restart();
    }

    public override void Restart()
    {
        _heads.AsSpan().Fill(Nowhere);
        _previous.AsSpan().Fill(Nowhere);
        (_inserted, _nextAt) = (Window.Position, -1);
    }

    public override void Slide(int by)
    {
        Lower(_heads, by);
        Lower(_previous, by);
        _inserted -= by;
        _nextAt -= by;
    }

    private int Hash(byte[] data, int at) => _search.IsGo
        ? (int)(((uint)data[at + 3] | (uint)data[at + 2] << 8 | (uint)data[at + 1] << 16 | (uint)data[at] << 24) * 0x1e35a7bd >> 15)
        : (data[at] << 10 ^ data[at + 1] << 5 ^ data[at + 2]) & Mask;

    private void InsertTo(int end)
    {
        var data = Window.Data;
        int last = Math.Min(end, Window.End - _min + 1);
        for (; _inserted < last; _inserted++)
        {
            ref int head = ref _heads[Hash(data, _inserted)];
            _previous[_inserted & Mask] = head;
            head = _inserted;
        }
        for (; _inserted < end; _inserted++) _previous[_inserted & Mask] = Nowhere;
    }

    /// <summary>The longest match longer than <paramref name="best"/>, the nearest of several; length 0 for none.</summary>
    private Token Search(int at, int best)
    {
        int limit = Math.Min(MaxLength, Window.End - at);
        if (limit < _min || best >= limit) return default;
        var data = Window.Data;
        int chain = !_search.IsGo && best >= _search.Good ? _search.Chain >> 2 : _search.Chain;
        int nice = Math.Min(_search.Nice, limit), lowest = at - _reach, first = Window.MemberStart + (_search.IsGo ? 0 : 1);
        int length = best, distance = 0;
        int candidate = _previous[at & Mask];
        if (candidate < lowest) return default;
        byte end = data[at + length];
        while (candidate >= first)
        {
            if (data[candidate + length] == end && data[candidate + length - 1] == data[at + length - 1])
            {
                int found = Window.Common(candidate, at, limit);
                if (found > length && (!_search.IsGo || found > _min || at - candidate <= TooFar))
                {
                    (length, distance) = (found, at - candidate);
                    if (found >= nice) break;
                    end = data[at + length];
                }
            }
            int before = _previous[candidate & Mask];
            if (--chain == 0 || before >= candidate || (_search.IsGo ? before < lowest : before <= lowest)) break;
            candidate = before;
        }
        if (distance == 0 || (!_search.IsGo && _search.IsLazy && length == _min && distance > TooFar)) return default;
        return new Token(length, distance);
    }

    public override Token Predict()
    {
        int at = Window.Position;
        InsertTo(at + 1);
        var here = _nextAt == at ? _next : Search(at, _min - 1);
        if (here.Length < _min) return Token.Literal;
        if (!_search.IsLazy || here.Length >= _search.Lazy || at + 1 >= Window.End) return here;
        InsertTo(at + 2);
        var next = Search(at + 1, _search.IsGo ? _min - 1 : here.Length);
        if (next.Length <= here.Length) return here;
        (_next, _nextAt) = (next, at + 1);
        return Token.Literal;
    }

    public override void Accept(Token actual)
    {
        int end = Window.Position + actual.Length;
        if (!_search.IsLazy && actual.IsMatch && actual.Length > _search.Lazy) _inserted = Math.Max(_inserted, end);
        else InsertTo(end);
    }
}
