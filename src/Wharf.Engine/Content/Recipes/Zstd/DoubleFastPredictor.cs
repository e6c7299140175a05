namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Predicts libzstd 1.5 at its default level (its strategy "dfast"), and its ports. The program zstd begins anew every 8 MiB, which costs a little each time.</summary>
internal sealed class DoubleFastPredictor(PlainWindow window, RepeatOffsets offsets, int longBits, int shortBits, int windowBits) : TablePredictor(window, offsets, longBits, shortBits)
{
    private const int Margin = 8, StepLength = 256;

    private int Lowest => Math.Max(Math.Max(0, Window.MemberStart), Window.End - (1 << windowBits));

    protected override void Search(int at)
    {
        int limit = Window.End - Margin, lowest = Lowest;
        if (Last is not null && at == Anchor && at <= limit && at - Second >= lowest && Four(at) == Four(at - Second))
        {
            Find(Found.AtOnce, at, at, at - Second, 4, lowest, at);
            return;
        }
        if (at == Window.MemberStart) at++;
        int step = 1, nextStep = at + StepLength, next = at + 1;
        if (next > limit) return;
        int candidate = Long(at);
        while (true)
        {
            int near = Short(at);
            Remember(at);
            if (at + 1 - First >= lowest && Four(at + 1 - First) == Four(at + 1))
            {
                Find(Found.Again, at, at + 1, at + 1 - First, 4, lowest, at + 1);
                return;
            }
            int probe = at;
            ref int following = ref Long(next);
            if (IsHere(candidate, at, lowest) && Eight(candidate) == Eight(at)) Find(Found.Fresh, probe, at, candidate, 8, lowest, Anchor);
            else
            {
                int afterwards = following;
                if (IsHere(near, at, lowest) && Four(near) == Four(at))
                {
                    if (IsHere(afterwards, next, lowest) && Eight(afterwards) == Eight(next)) Find(Found.Fresh, probe, next, afterwards, 8, lowest, Anchor);
                    else Find(Found.Fresh, probe, at, near, 4, lowest, Anchor);
                }
                else
                {
                    if (next >= nextStep) (step, nextStep) = (step + 1, nextStep + StepLength);
                    (at, next, candidate) = (next, next + step, afterwards);
                    if (next > limit) return;
                    continue;
                }
            }
            if (step < 4) following = next;
            return;
        }
    }

    // Where another copy was taken than predicted, places further on are in the tables already.
    private static bool IsHere(int candidate, int at, int lowest) => candidate > lowest && candidate < at;

    protected override void Remember(Found found, int probe, int start, int end)
    {
        if (end > Window.End - Margin) return;
        if (found == Found.AtOnce)
        {
            Remember(start);
            return;
        }
        Remember(probe + 2);
        Long(end - 2) = end - 2;
        Short(end - 1) = end - 1;
    }
}
