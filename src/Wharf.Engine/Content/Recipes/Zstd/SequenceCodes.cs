using System.Numerics;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>The three kinds of numbers of a sequence, in the order in which their tables stand (RFC 8878, 3.1.1.3.2.1).</summary>
internal enum SequencePart
{
    LiteralsLength,
    Offset,
    MatchLength,
}

/// <summary>A sequence as it is written: literals, then a copy, whose offset is a distance plus 3 or one of the repeated ones (RFC 8878, 3.1.1.5).</summary>
internal readonly record struct Sequence(int Literals, int Offset, int Match);

/// <summary>Codes of lengths and offsets, their extra bits, and their default distributions (RFC 8878, 3.1.1.3.2.1.1 and 3.1.1.3.2.2).</summary>
internal static class SequenceCodes
{
    public const int MinMatch = 3;

    private static ReadOnlySpan<int> LiteralsBase =>
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];

    private static ReadOnlySpan<int> MatchBase =>
    [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
        35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539,
    ];

    private static ReadOnlySpan<byte> LiteralsBits => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

    private static ReadOnlySpan<byte> MatchBits =>
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

    private static readonly FseTable[] Defaults =
    [
        new(6, [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1]),
        new(5, [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1]),
        new(6, [1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1]),
    ];

    public static FseTable Default(SequencePart part) => Defaults[(int)part];

    /// <summary>The highest code.</summary>
    public static int Highest(SequencePart part) => part switch { SequencePart.LiteralsLength => 35, SequencePart.MatchLength => 52, _ => 31 };

    /// <summary>The largest accuracy of a table.</summary>
    public static int MaxLog(SequencePart part) => part == SequencePart.Offset ? 8 : 9;

    public static int ExtraBits(SequencePart part, int code) => part switch { SequencePart.LiteralsLength => LiteralsBits[code], SequencePart.MatchLength => MatchBits[code], _ => code };

    public static int Base(SequencePart part, int code) => part switch { SequencePart.LiteralsLength => LiteralsBase[code], SequencePart.MatchLength => MatchBase[code], _ => 1 << code };

    /// <summary>The one code that a number has.</summary>
    public static int Of(SequencePart part, int value) => part switch
    {
        SequencePart.Offset => BitOperations.Log2((uint)value),
        SequencePart.LiteralsLength => value < 16 ? value : value < 64 ? Last(LiteralsBase[..26], value) : BitOperations.Log2((uint)value) + 19,
        _ => value < 35 ? value - MinMatch : value < 131 ? Last(MatchBase[..44], value) : BitOperations.Log2((uint)value - MinMatch) + 36,
    };

    /// <summary>The last of them that is not larger.</summary>
    private static int Last(ReadOnlySpan<int> bases, int value)
    {
        int at = bases.Length - 1;
        while (bases[at] > value) at--;
        return at;
    }
}
