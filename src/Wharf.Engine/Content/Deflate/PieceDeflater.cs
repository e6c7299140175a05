using System.Buffers.Binary;
using System.Numerics;
using Wharf.Engine.Content.Recipes;

namespace Wharf.Engine.Content.Deflate;

/// <summary>
/// Deflates (RFC 1951) pieces of a text, each for itself. Of the places where four bytes stood before it looks at the last that has their hash, and takes what matches there; the
/// longer nothing matches, the more it passes over. Blocks have codes of their own. The output depends on nothing but the piece.
/// Recipes count on its choices (<see cref="PiecePredictor"/>): they may not change.
/// </summary>
internal sealed class PieceDeflater
{
    public const int MaxPiece = 1 << 20;
    public const int BlockLength = 1 << 16, Window = 1 << 15, HashBits = 15, MinMatch = 4, MaxMatch = 258;
    /// <summary>The last bytes of a piece are not searched for.</summary>
    public const int Margin = sizeof(ulong);
    /// <summary>After so many literals (as a power of two) without a match one byte more is passed over at each step.</summary>
    public const int Patience = 7;
    /// <summary>Of a match its length has the lowest bits, its distance the others.</summary>
    private const int LengthBits = 9;

    private readonly int[] _last = new int[1 << HashBits];
    // For each match of a block the literals before it, and its length and distance.
    private readonly int[] _runs = new int[BlockLength / MinMatch], _matches = new int[BlockLength / MinMatch];
    private int _count;
    private readonly int[] _literalUses = new int[BlockCodes.LiteralCount], _distanceUses = new int[BlockCodes.DistanceCount];
    // Every second literal is counted here: two of the same in turn do not wait for each other.
    private readonly int[] _otherUses = new int[256];
    private readonly BlockCodes _codes = new();

    /// <summary>The most bytes that the output of a piece can take.</summary>
    public static int Bound(int length) => length + (length / BlockLength + 2) * 16;

    /// <summary>Writes blocks up to a byte's end, none of them the last one, and returns how many bytes they are.</summary>
    public int Deflate(ReadOnlySpan<byte> piece, Span<byte> output)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(piece.Length, MaxPiece);
        // Nothing was anywhere yet.
        Array.Fill(_last, -Window - 1);
        var writer = new DeflateWriter(output);
        for (int at = 0; at < piece.Length;)
        {
            int end = FindMatches(piece, at);
            _codes.Make(_literalUses, _distanceUses, end - at);
            if (_codes.AreWorse) writer.Stored(piece[at..end]);
            else WriteBlock(ref writer, piece, at, end);
            at = end;
        }
        writer.Stored([]);
        return writer.Length;
    }

    public static uint Four(ReadOnlySpan<byte> piece, int at) => BinaryPrimitives.ReadUInt32LittleEndian(piece[at..]);

    public static int Hash(uint four) => (int)(four * 0x9e3779b1 >> 32 - HashBits);

    /// <summary>Finds the matches of the block that begins at <paramref name="start"/>, counts the uses of symbols and returns the block's end.</summary>
    private int FindMatches(ReadOnlySpan<byte> piece, int start)
    {
        _count = 0;
        Array.Clear(_literalUses);
        Array.Clear(_otherUses);
        Array.Clear(_distanceUses);
        int at = start, literals = start, blockEnd = Math.Min(piece.Length, start + BlockLength), limit = Math.Min(blockEnd, piece.Length - Margin);
        while (at < limit)
        {
            uint four = Four(piece, at);
            ref int last = ref _last[Hash(four)];
            int candidate = last;
            last = at;
            if (at - candidate > Window || Four(piece, candidate) != four)
            {
                at += 1 + (at - literals >> Patience);
                continue;
            }
            int most = Math.Min(MaxMatch, piece.Length - at);
            int length = MinMatch + CommonLength(piece[(candidate + MinMatch)..], piece[(at + MinMatch)..(at + most)]);
            CountLiterals(piece[literals..at]);
            CountMatch(at - literals, length, at - candidate);
            literals = at + length;
            if (literals < limit)
            {
                // Two places within the match; more cost more than they find.
                _last[Hash(Four(piece, at + 1))] = at + 1;
                _last[Hash(Four(piece, literals - 1))] = literals - 1;
            }
            at = literals;
        }
        int end = Math.Min(Math.Max(at, blockEnd), piece.Length);
        CountLiterals(piece[literals..end]);
        for (int i = 0; i < _otherUses.Length; i++) _literalUses[i] += _otherUses[i];
        _literalUses[DeflateSymbols.EndOfBlock] = 1;
        return end;
    }

    /// <summary>How many of the first bytes are the same, of <paramref name="other"/> at most all; <paramref name="one"/> is not shorter.</summary>
    private static int CommonLength(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        int i = 0;
        for (; i + sizeof(ulong) <= other.Length; i += sizeof(ulong))
        {
            ulong difference = BinaryPrimitives.ReadUInt64LittleEndian(one[i..]) ^ BinaryPrimitives.ReadUInt64LittleEndian(other[i..]);
            if (difference != 0) return i + (BitOperations.TrailingZeroCount(difference) >> 3);
        }
        while (i < other.Length && one[i] == other[i]) i++;
        return i;
    }

    private void CountMatch(int literals, int length, int distance)
    {
        _runs[_count] = literals;
        _matches[_count++] = distance << LengthBits | length;
        _literalUses[DeflateSymbols.EndOfBlock + 1 + DeflateSymbols.OfLength(length)]++;
        _distanceUses[DeflateSymbols.OfDistance(distance)]++;
    }

    private void CountLiterals(ReadOnlySpan<byte> run)
    {
        var (uses, otherUses) = (_literalUses, _otherUses);
        int i = 0;
        for (; i + 2 <= run.Length; i += 2)
        {
            uses[run[i]]++;
            otherUses[run[i + 1]]++;
        }
        if (i < run.Length) uses[run[i]]++;
    }

    private void WriteBlock(ref DeflateWriter writer, ReadOnlySpan<byte> piece, int at, int end)
    {
        _codes.WriteHead(ref writer);
        for (int i = 0; i < _count; i++)
        {
            writer.Literals(piece.Slice(at, _runs[i]), _codes.Literals);
            int length = _matches[i] & (1 << LengthBits) - 1, distance = _matches[i] >> LengthBits, symbol = DeflateSymbols.OfDistance(distance);
            writer.Match(_codes.Lengths[length], _codes.Distances[symbol], (uint)(distance - DeflateSymbols.DistanceBase[symbol]), DeflateSymbols.DistanceBits[symbol]);
            at += _runs[i] + length;
        }
        writer.Literals(piece[at..end], _codes.Literals);
        writer.Put(_codes.Literals[DeflateSymbols.EndOfBlock]);
    }
}
