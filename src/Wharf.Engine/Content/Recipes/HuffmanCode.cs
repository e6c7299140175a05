using System.Numerics;

namespace Wharf.Engine.Content.Recipes;

/// <summary>A canonical Huffman code of deflate (RFC 1951, 3.2.2), for reading and for writing.</summary>
internal sealed class HuffmanCode
{
    public const int MaxBits = 15;

    private readonly byte[] _lengths;
    private readonly ushort[] _codes;
    private ushort[]? _table;
    private readonly int _longest;

    /// <param name="lengths">Bits of each symbol's code, 0 for none. InvalidDataException when there cannot be such codes.</param>
    public HuffmanCode(ReadOnlySpan<byte> lengths)
    {
        _lengths = lengths.ToArray();
        _codes = new ushort[lengths.Length];
        Span<int> count = stackalloc int[MaxBits + 1], next = stackalloc int[MaxBits + 2];
        foreach (byte length in lengths) if (length > 0) count[length]++;
        int code = 0, left = 1;
        for (int bits = 1; bits <= MaxBits; bits++)
        {
            next[bits] = code;
            code = code + count[bits] << 1;
            left = (left << 1) - count[bits];
            if (left < 0) throw new InvalidDataException("a Huffman code with too many symbols");
            if (count[bits] > 0) _longest = bits;
        }
        for (int symbol = 0; symbol < lengths.Length; symbol++)
            if (lengths[symbol] is > 0 and var length) _codes[symbol] = Reverse(next[length]++, length);
    }

    private static ushort Reverse(int code, int bits)
    {
        int reversed = 0;
        for (int i = 0; i < bits; i++) reversed |= (code >> i & 1) << bits - 1 - i;
        return (ushort)reversed;
    }

    public int Longest => _longest;

    /// <summary>The symbol whose code comes first in <paramref name="bits"/>, lowest bit first, and its length.</summary>
    public int Read(ulong bits, out int length)
    {
        _table ??= MakeTable();
        int entry = _table[(int)bits & (1 << _longest) - 1];
        length = entry & 15;
        return length == 0 ? throw new InvalidDataException("a Huffman code that stands for nothing") : entry >> 4;
    }

    private ushort[] MakeTable()
    {
        var table = new ushort[1 << _longest];
        for (int symbol = 0; symbol < _lengths.Length; symbol++)
            if (_lengths[symbol] is > 0 and var length)
                for (int at = _codes[symbol]; at < table.Length; at += 1 << length) table[at] = (ushort)(symbol << 4 | length);
        return table;
    }

    public (ushort Code, int Bits) this[int symbol] => symbol < _lengths.Length && _lengths[symbol] > 0 ? (_codes[symbol], _lengths[symbol]) : throw new InvalidDataException("a symbol without a code");
}

/// <summary>The symbols of lengths and distances (RFC 1951, 3.2.5).</summary>
internal static class DeflateSymbols
{
    public const int EndOfBlock = 256;

    public static ReadOnlySpan<ushort> LengthBase => [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
    public static ReadOnlySpan<byte> LengthBits => [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
    public static ReadOnlySpan<ushort> DistanceBase => [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
    public static ReadOnlySpan<byte> DistanceBits => [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
    public static ReadOnlySpan<byte> CodeLengthOrder => [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    public static HuffmanCode FixedLiterals { get; } = new(MakeFixed());
    public static HuffmanCode FixedDistances { get; } = new(Enumerable.Repeat((byte)5, 30).ToArray());

    private static byte[] MakeFixed()
    {
        var lengths = new byte[288];
        for (int i = 0; i < 288; i++) lengths[i] = (byte)(i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
        return lengths;
    }

    /// <summary>The symbol of a length, less 257.</summary>
    public static int OfLength(int length) => length == 258 ? 28 : length < 11 ? length - 3 : Of(length - 3, 4, 2);

    public static int OfDistance(int distance) => distance < 5 ? distance - 1 : Of(distance - 1, 2, 1);

    /// <summary>Symbols come in groups of equally many bits: four of a length, two of a distance.</summary>
    private static int Of(int value, int group, int groupBits)
    {
        int bits = BitOperations.Log2((uint)value) - groupBits;
        return group * (bits + 1) + (value >> bits) - group;
    }
}
