using System.Buffers.Binary;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>How a copy came to be found, which decides what is remembered of it.</summary>
internal enum Found
{
    /// <summary>By a table.</summary>
    Fresh,

    /// <summary>At the distance of the copy before, after a literal at least.</summary>
    Again,

    /// <summary>Right after a copy, at the distance of the one before that.</summary>
    AtOnce,
}

/// <summary>Predicts compressors that remember the last places of five and of eight bytes in two tables, and look for the next copy from the end of the last one on.</summary>
internal abstract class TablePredictor(PlainWindow window, RepeatOffsets offsets, int longBits, int shortBits) : SequencePredictor(window, offsets)
{
    private readonly int[] _long = Filled(1 << longBits), _short = Filled(1 << shortBits);
    // Where the next copy begins that was found, and where it was looked for.
    private int _start, _probe;
    private Token _match;
    private Found _found;
    private bool _isSearched;

    /// <summary>Where the literals began that stand before the next copy.</summary>
    protected int Anchor { get; private set; }

    /// <summary>The distances of the last two copies.</summary>
    protected int First { get; private set; }
    protected int Second { get; private set; }

    /// <summary>How many copies the block has so far.</summary>
    protected int Count { get; private set; }

    /// <summary>How the last copy was found; null at a block's beginning.</summary>
    protected Found? Last { get; private set; }

    private static int[] Filled(int count)
    {
        var all = new int[count];
        Array.Fill(all, Nowhere);
        return all;
    }

    protected ulong Eight(int at) => BinaryPrimitives.ReadUInt64LittleEndian(Window.Data.AsSpan(at));

    protected uint Four(int at) => BinaryPrimitives.ReadUInt32LittleEndian(Window.Data.AsSpan(at));

    protected ref int Long(int at) => ref _long[Eight(at) * 0xcf1bbcdcb7a56463 >> 64 - longBits];

    protected ref int Short(int at) => ref _short[(Eight(at) << 24) * 889523592379 >> 64 - shortBits];

    protected void Remember(int at) => Long(at) = Short(at) = at;

    public override void Restart()
    {
        _long.AsSpan().Fill(Nowhere);
        _short.AsSpan().Fill(Nowhere);
    }

    public override void Slide(int by)
    {
        Lower(_long, by);
        Lower(_short, by);
    }

    public override void BeginBlock()
    {
        (Anchor, First, Second, Count, Last, _isSearched) = (Window.Position, Offsets.First, Offsets.Second, 0, null, false);
    }

    /// <summary>Looks for the next copy from a place on.</summary>
    protected abstract void Search(int at);

    /// <summary>Notes which places of a copy are remembered.</summary>
    /// <param name="probe">Where it was found, before it was extended backwards.</param>
    protected abstract void Remember(Found found, int probe, int start, int end);

    /// <summary>A copy was found; <paramref name="lowest"/> is where those it is of may begin. It begins earlier where bytes before it are equal too.</summary>
    protected void Find(Found found, int probe, int at, int from, int least, int lowest, int earliest)
    {
        int length = least + Window.Common(from + least, at + least, Window.End - at - least);
        while (at > earliest && from > lowest && Window.Data[at - 1] == Window.Data[from - 1]) (at, from, length) = (at - 1, from - 1, length + 1);
        (_start, _match, _found, _probe) = (at, new Token(length, at - from), found, probe);
    }

    public override Token Predict()
    {
        int at = Window.Position;
        if (!_isSearched || at > _start)
        {
            _isSearched = true;
            _start = int.MaxValue;
            Search(at);
        }
        return at == _start ? _match : Token.Literal;
    }

    public override void Accept(Token actual)
    {
        if (!actual.IsMatch) return;
        int at = Window.Position, end = at + actual.Length;
        bool isExpected = _isSearched && at == _start && actual == _match;
        var found = isExpected ? _found : actual.Distance == First ? Found.Again : at == Anchor && actual.Distance == Second ? Found.AtOnce : Found.Fresh;
        if (found == Found.AtOnce) (First, Second) = (Second, First);
        else if (found == Found.Fresh) (First, Second) = (actual.Distance, First);
        Remember(found, isExpected ? _probe : at, at, end);
        (Anchor, Last, _isSearched) = (end, found, false);
        Count++;
    }
}
