using Wharf.Engine.Content.Deflate;

namespace Wharf.Engine.Content.Recipes;

/// <summary>Predicts Wharf's own <see cref="PieceDeflater"/>.</summary>
internal sealed class PiecePredictor : TokenPredictor
{
    private readonly int[] _last = new int[1 << PieceDeflater.HashBits];
    // Where the piece begins, its block and the literals since the last match; and where it is looked for the next match.
    private int _piece, _block, _literals, _probe;

    public PiecePredictor(PlainWindow window) : base(window) => Restart();

    public override void Restart() => Begin(Window.Position);

    private void Begin(int piece)
    {
        _last.AsSpan().Fill(Nowhere);
        _piece = _block = _literals = _probe = piece;
    }

    public override void Slide(int by)
    {
        Lower(_last, by);
        (_piece, _block, _literals, _probe) = (_piece - by, _block - by, _literals - by, _probe - by);
    }

    private int PieceEnd => Math.Min(_piece + PieceDeflater.MaxPiece, Window.Ended ? Window.End : int.MaxValue);
    private int BlockEnd => Math.Min(_block + PieceDeflater.BlockLength, PieceEnd);
    private int Limit => Math.Min(BlockEnd, PieceEnd - PieceDeflater.Margin);

    private ref int Last(int at) => ref _last[PieceDeflater.Hash(PieceDeflater.Four(Window.Data, at))];

    public override Token Predict()
    {
        int at = Window.Position;
        if (Window.Ended && at >= Window.End) return Token.Literal;
        while (_probe >= Limit || at >= BlockEnd)
        {
            int end = Math.Min(Math.Max(_probe, BlockEnd), PieceEnd);
            if (at < end) return Token.Literal;
            if (end == PieceEnd) Begin(end);
            else _block = _literals = _probe = end;
        }
        if (at < _probe) return Token.Literal;
        // Whoever went another way searches on from here.
        _probe = at;
        if (at >= Limit) return Token.Literal;
        ref int last = ref Last(at);
        int candidate = last;
        last = at;
        if (candidate < Window.MemberStart || at - candidate > PieceDeflater.Window || PieceDeflater.Four(Window.Data, candidate) != PieceDeflater.Four(Window.Data, at))
        {
            _probe += 1 + (at - _literals >> PieceDeflater.Patience);
            return Token.Literal;
        }
        return new(Window.Common(candidate, at, Math.Min(PieceDeflater.MaxMatch, PieceEnd - at)), at - candidate);
    }

    public override void Accept(Token actual)
    {
        int at = Window.Position;
        // A literal where a match was said.
        if (!actual.IsMatch) _probe = Math.Max(_probe, at + 1);
        else
        {
            int next = at + actual.Length;
            if (next < Limit)
            {
                Last(at + 1) = at + 1;
                Last(next - 1) = next - 1;
            }
            _literals = _probe = next;
        }
    }
}
