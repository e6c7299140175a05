namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// Names a distance by how many nearer places have as long a match, which is a small number where the distance is seldom a small one. Only asked where a
/// prediction failed, so positions are taken in when they are needed.
/// </summary>
internal sealed class MatchFinder(PlainWindow window)
{
    /// <summary>Told by its bits instead.</summary>
    public const int NotFound = 255;

    private const int Mask = 0x7fff, MaxSteps = 4096, Nowhere = -(1 << 30);
    private readonly int[] _heads = Filled(1 << 16), _previous = Filled(Mask + 1);
    private int _inserted;

    private static int[] Filled(int count)
    {
        var all = new int[count];
        Array.Fill(all, Nowhere);
        return all;
    }

    public void Slide(int by)
    {
        for (int i = 0; i < _heads.Length; i++) _heads[i] = Math.Max(_heads[i] - by, Nowhere);
        for (int i = 0; i < _previous.Length; i++) _previous[i] = Math.Max(_previous[i] - by, Nowhere);
        _inserted = Math.Max(_inserted - by, 0);
    }

    private void InsertTo(int end)
    {
        var data = window.Data;
        for (_inserted = Math.Max(_inserted, end - Mask - 1); _inserted < end; _inserted++)
        {
            if (_inserted + 3 > window.End) break;
            ref int head = ref _heads[((data[_inserted] | data[_inserted + 1] << 8 | data[_inserted + 2] << 16) * 0x9e5f >> 5 ^ data[_inserted + 1]) & 0xffff];
            _previous[_inserted & Mask] = head;
            head = _inserted;
        }
    }

    /// <summary>How many nearer matches of this length there are.</summary>
    public int Rank(int length, int distance) => Walk(length, distance, NotFound, out int rank) == distance ? rank : NotFound;

    /// <summary>The distance that has this rank; InvalidDataException when there is none.</summary>
    public int Distance(int length, int rank) => Walk(length, int.MaxValue, rank, out _) is > 0 and var distance ? distance : throw new InvalidDataException("the recipe is damaged: no such match");

    /// <summary>Goes through the matches, nearest first, up to a distance or a rank; 0 when there is neither.</summary>
    private int Walk(int length, int distance, int wanted, out int rank)
    {
        rank = 0;
        int at = window.Position;
        if (length < 3 || at + length > window.End) return 0;
        InsertTo(at + 1);
        int lowest = Math.Max(0, Math.Max(window.MemberStart, at - 32768));
        var here = window.Data.AsSpan(at, length);
        int candidate = _previous[at & Mask];
        for (int steps = MaxSteps; candidate >= lowest && steps > 0; steps--)
        {
            if (at - candidate > distance) return 0;
            if (window.Data.AsSpan(candidate, length).SequenceEqual(here) && (at - candidate == distance || rank == wanted || ++rank > NotFound - 1))
                return rank < NotFound ? at - candidate : 0;
            int before = _previous[candidate & Mask];
            if (before >= candidate) return 0;
            candidate = before;
        }
        return 0;
    }
}
