namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Predicts the default level of klauspost/compress, with which skopeo, podman, buildkit and containerd write zstd.</summary>
internal sealed class GoDoubleFastPredictor(PlainWindow window, RepeatOffsets offsets) : TablePredictor(window, offsets, 17, 15)
{
    private const int Margin = 10, SmallestBlock = 16, Reach = 8 << 20, Patience = 7;

    // Repeated distances are looked for after the first three copies of a block.
    private const int RepeatsAfter = 2;

    private bool _mayRepeat;
    private int _blockStart;

    public override void BeginBlock()
    {
        base.BeginBlock();
        (_blockStart, _mayRepeat) = (Window.Position, false);
    }

    protected override void Search(int at)
    {
        int limit = Window.End - Margin, bottom = Math.Max(0, Window.MemberStart);
        if (Window.End - _blockStart < SmallestBlock || (at >= limit && Last is not null)) return;
        if (Last is Found.Fresh or Found.AtOnce && at == Anchor)
        {
            if (_mayRepeat && at - Second >= bottom && Four(at) == Four(at - Second))
            {
                Find(Found.AtOnce, at, at, at - Second, 4, bottom, at);
                return;
            }
        }
        if (Last is not Found.Again) _mayRepeat = Count > RepeatsAfter;
        while (at < limit)
        {
            int far = Long(at), near = Short(at);
            Remember(at);
            int lowest = Math.Max(bottom, at - Reach);
            if (_mayRepeat && at + 1 - First >= bottom && Four(at + 1 - First) == Four(at + 1))
            {
                Find(Found.Again, at, at + 1, at + 1 - First, 4, lowest, Anchor + 1);
                return;
            }
            if (IsHere(far, at, bottom))
            {
                Find(Found.Fresh, at, at, far, 4, lowest, Anchor);
                return;
            }
            if (IsHere(near, at, bottom))
            {
                ref int next = ref Long(at + 1);
                far = next;
                next = at + 1;
                if (IsHere(far, at + 1, bottom)) Find(Found.Fresh, at, at + 1, far, 4, Math.Max(bottom, at + 1 - Reach), Anchor);
                else Find(Found.Fresh, at, at, near, 4, lowest, Anchor);
                return;
            }
            at += 1 + (at - Anchor >> Patience);
        }
    }

    private bool IsHere(int candidate, int at, int bottom) => candidate >= bottom && at - candidate is > 0 and < Reach && Four(candidate) == Four(at);

    protected override void Remember(Found found, int probe, int start, int end)
    {
        if (end >= Window.End - Margin || found == Found.Again) return;
        if (found == Found.AtOnce)
        {
            Remember(start);
            return;
        }
        foreach (int place in (ReadOnlySpan<int>)[start + 1, end - 2])
        {
            Long(place) = place;
            Short(place + 1) = place + 1;
        }
    }
}
