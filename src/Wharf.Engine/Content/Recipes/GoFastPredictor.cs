using System.Buffers.Binary;

namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// Predicts Go's compress/flate at its fastest level (crane's): one table of the latest positions, probed at growing steps while nothing is found, over
/// blocks of 65,535 bytes.
/// </summary>
internal sealed class GoFastPredictor : TokenPredictor
{
    private const int Block = 65535, Margin = 15, SmallestBlock = 17, MaxLength = 258, Reach = 32768;

    private readonly int[] _table = new int[1 << 14];
    private int _block, _probe, _skip;
    /// <summary>After a match: what the table said of the position after it.</summary>
    private int _afterMatch, _afterCandidate;

    public GoFastPredictor(PlainWindow window) : base(window) => Restart();

    public override void Restart()
    {
        _table.AsSpan().Fill(Nowhere);
        _block = Window.Position;
        _afterMatch = -1;
        Begin(_block);
    }

    public override void Slide(int by)
    {
        Lower(_table, by);
        _block -= by;
        if (_probe != int.MaxValue) _probe -= by;
        _afterMatch -= by;
        _afterCandidate = Math.Max(_afterCandidate - by, Nowhere);
    }

    private void Begin(int at) => (_probe, _skip) = (at, 32);

    private int BlockEnd => Math.Min(_block + Block, Window.Ended ? Window.End : int.MaxValue);

    private ref int Entry(int at) => ref _table[Load(at) * 0x1e35a7bd >> 18];

    private uint Load(int at) => BinaryPrimitives.ReadUInt32LittleEndian(Window.Data.AsSpan(at));

    public override Token Predict()
    {
        int at = Window.Position;
        if (at >= _block + Block)
        {
            while (at >= _block + Block) _block += Block;
            Begin(at);
        }
        int end = BlockEnd, last = end - Margin;
        if (end - _block < SmallestBlock) return Token.Literal;
        if (_afterMatch == at)
        {
            _afterMatch = -1;
            if (Fits(at, _afterCandidate)) return Match(at, _afterCandidate, end);
            Begin(at + 1);
            return Token.Literal;
        }
        if (at < _probe) return Token.Literal;
        if (at > _probe) Begin(at);
        int step = _skip >> 5;
        if (at + step > last)
        {
            _probe = int.MaxValue;
            return Token.Literal;
        }
        ref int entry = ref Entry(at);
        int candidate = entry;
        entry = at;
        if (Fits(at, candidate)) return Match(at, candidate, end);
        (_probe, _skip) = (at + step, _skip + step);
        return Token.Literal;
    }

    private bool Fits(int at, int candidate) => candidate >= 0 && candidate >= Window.MemberStart && at - candidate is > 0 and <= Reach && Load(at) == Load(candidate);

    private Token Match(int at, int candidate, int end) => new(Window.Common(candidate, at, Math.Min(MaxLength, end - at)), at - candidate);

    public override void Accept(Token actual)
    {
        if (!actual.IsMatch) return;
        int end = Window.Position + actual.Length;
        if (end >= BlockEnd - Margin)
        {
            _probe = end >= _block + Block ? end : int.MaxValue;
            return;
        }
        Entry(end - 1) = end - 1;
        ref int entry = ref Entry(end);
        (_afterMatch, _afterCandidate) = (end, entry);
        entry = end;
    }
}
