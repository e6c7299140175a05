using System.Buffers.Binary;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Earlier places with the same four bytes, nearest first, over a part of the window, and the last one with the same three.</summary>
internal sealed class WindowFinder(PlainWindow window, int reachBits)
{
    private const int HeadBits = 17, ThreeBits = 16, Nowhere = -(1 << 30);

    private readonly int[] _heads = Filled(1 << HeadBits), _threes = Filled(1 << ThreeBits);
    private int[] _previous = [];
    private readonly int _mask = (1 << reachBits) - 1;
    // Entries keep their places when positions go down.
    private int _inserted, _slid;

    /// <summary>The number of <see cref="Rank"/> for a place that is told by its bits instead.</summary>
    public const int NotFound = 63;

    private const int MaxSteps = 512, Enough = 256;

    private static int[] Filled(int count)
    {
        var all = new int[count];
        Array.Fill(all, Nowhere);
        return all;
    }

    public void Slide(int by)
    {
        if (_previous.Length <= _mask) Array.Resize(ref _previous, _mask + 1);
        Lower(_heads, by);
        Lower(_threes, by);
        Lower(_previous, by);
        _slid = _slid + by & _mask;
        _inserted = Math.Max(_inserted - by, 0);
    }

    private ref int Previous(int at) => ref _previous[at + _slid & _mask];

    private static void Lower(int[] positions, int by)
    {
        for (int i = 0; i < positions.Length; i++) positions[i] = Math.Max(positions[i] - by, Nowhere);
    }

    public void InsertTo(int end)
    {
        var data = window.Data;
        int last = Math.Min(end, window.End - 3);
        // As long as the window grows, nothing of it has come to a place that was taken.
        if (_previous.Length <= _mask && _previous.Length < last) Array.Resize(ref _previous, Math.Min(_mask + 1, window.Data.Length));
        for (_inserted = Math.Max(_inserted, end - _mask - 1); _inserted < last; _inserted++)
        {
            uint four = BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan(_inserted));
            ref int head = ref _heads[four * 0x9e3779b1 >> 32 - HeadBits];
            Previous(_inserted) = head;
            head = _inserted;
            _threes[(four << 8) * 0x9e3779b1 >> 32 - ThreeBits] = _inserted;
        }
    }

    private int Lowest(int at) => Math.Max(Math.Max(0, window.MemberStart), at - _mask);

    /// <summary>The longest copy at a place, the nearest of equals; length 0 for none of four bytes.</summary>
    public Token Longest(int at, int steps)
    {
        if (at + 4 > window.End) return default;
        InsertTo(at);
        var data = window.Data;
        uint four = BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan(at));
        int candidate = _heads[four * 0x9e3779b1 >> 32 - HeadBits], lowest = Lowest(at), limit = window.End - at, length = 3, distance = 0;
        uint tail = four;
        for (; candidate >= lowest && candidate < at && steps > 0; steps--)
        {
            // A longer one has these four bytes in common too, which few have.
            if (BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan(candidate + length - 3)) == tail)
            {
                int found = window.Common(candidate, at, limit);
                if (found > length)
                {
                    (length, distance) = (found, at - candidate);
                    if (found == limit || found >= Enough) break;
                    tail = BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan(at + length - 3));
                }
            }
            int before = Previous(candidate);
            if (before >= candidate) break;
            candidate = before;
        }
        return distance == 0 ? default : new Token(length, distance);
    }

    /// <summary>How many nearer copies of this length there are.</summary>
    public int Rank(int length, int distance) => Walk(length, distance, NotFound, out int rank) == distance ? rank : NotFound;

    /// <summary>The distance that has this rank; InvalidDataException when there is none.</summary>
    public int Distance(int length, int rank) => Walk(length, int.MaxValue, rank, out _) is > 0 and var distance ? distance : throw new InvalidDataException("the recipe is damaged: no such copy");

    /// <summary>Goes through the copies, nearest first, up to a distance or a rank; 0 when there is neither.</summary>
    private int Walk(int length, int distance, int wanted, out int rank)
    {
        rank = 0;
        int at = window.Position, lowest = Lowest(at);
        if (length < 3 || at + Math.Max(length, 4) > window.End) return 0;
        InsertTo(at);
        var here = window.Data.AsSpan(at, length);
        uint four = BinaryPrimitives.ReadUInt32LittleEndian(window.Data.AsSpan(at));
        int candidate = length == 3 ? _threes[(four << 8) * 0x9e3779b1 >> 32 - ThreeBits] : _heads[four * 0x9e3779b1 >> 32 - HeadBits];
        for (int steps = length == 3 ? 1 : MaxSteps; candidate >= lowest && candidate < at && steps > 0; steps--)
        {
            if (at - candidate > distance) return 0;
            if (window.Data[candidate + length - 1] == here[^1] && window.Data.AsSpan(candidate, length).SequenceEqual(here))
            {
                if (at - candidate == distance || rank == wanted) return at - candidate;
                if (++rank == NotFound) return 0;
            }
            int before = Previous(candidate);
            if (before >= candidate) return 0;
            candidate = before;
        }
        return 0;
    }
}
