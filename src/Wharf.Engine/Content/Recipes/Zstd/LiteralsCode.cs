using System.Numerics;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>A Huffman code of literals (RFC 8878, 4.2), for reading and for writing.</summary>
internal sealed class LiteralsCode
{
    private const int MaxBits = 11, MaxWeightsLog = 6;

    private readonly byte[] _lengths = new byte[256];
    private readonly ushort[] _codes = new ushort[256], _table;
    private readonly int _longest;

    private LiteralsCode(ReadOnlySpan<byte> weights)
    {
        uint sum = 0;
        foreach (byte weight in weights) if (weight > 0) sum += 1u << weight - 1;
        if (sum == 0) throw new InvalidDataException("a Huffman code without symbols");
        _longest = BitOperations.Log2(sum) + 1;
        uint rest = (1u << _longest) - sum;
        if (_longest > MaxBits || !BitOperations.IsPow2(rest)) throw new InvalidDataException("a Huffman code that does not add up");
        Span<byte> all = stackalloc byte[weights.Length + 1];
        weights.CopyTo(all);
        all[^1] = (byte)(BitOperations.Log2(rest) + 1);
        _table = new ushort[1 << _longest];
        int at = 0;
        for (int weight = 1; weight <= _longest; weight++)
        {
            for (int symbol = 0; symbol < all.Length; symbol++)
            {
                if (all[symbol] != weight) continue;
                int length = _longest + 1 - weight;
                (_lengths[symbol], _codes[symbol]) = ((byte)length, (ushort)(at >> weight - 1));
                _table.AsSpan(at, 1 << weight - 1).Fill((ushort)(symbol << 4 | length));
                at += 1 << weight - 1;
            }
        }
    }

    /// <summary>Reads a code's description; InvalidDataException when it makes no sense.</summary>
    public static LiteralsCode Read(ReadOnlySpan<byte> input, out int length)
    {
        if (input.Length == 0) throw new InvalidDataException("the compressed data is cut short");
        Span<byte> weights = stackalloc byte[255];
        int count = 0, head = input[0];
        length = head < 128 ? 1 + head : 1 + (head - 127 + 1) / 2;
        if (length > input.Length) throw new InvalidDataException("the compressed data is cut short");
        if (head < 128) count = ReadWeights(input[1..length], weights);
        else
        {
            for (; count < head - 127; count++) weights[count] = (byte)(count % 2 == 0 ? input[1 + count / 2] >> 4 : input[1 + count / 2] & 15);
        }
        foreach (byte weight in weights[..count]) if (weight > MaxBits + 1) throw new InvalidDataException("a Huffman code that is too long");
        return new LiteralsCode(weights[..count]);
    }

    /// <summary>Weights told by two states in turn, until the bits are used up (RFC 8878, 4.2.1.2).</summary>
    private static int ReadWeights(ReadOnlySpan<byte> input, Span<byte> weights)
    {
        var table = FseTable.Read(input, 255, MaxWeightsLog, out int described);
        var bits = new BackwardBits(input[described..]);
        int count = 0, state = (int)bits.Take(table.Log), other = (int)bits.Take(table.Log);
        while (true)
        {
            // The last one of the other state is told without bits.
            if (count + 2 > weights.Length) throw new InvalidDataException("a Huffman code with too many symbols");
            weights[count++] = (byte)table.Symbol(state);
            int width = table.Bits(state), next = table.Base(state) + (int)bits.Peek(width);
            bits.Skip(width);
            if (bits.Left < 0)
            {
                weights[count++] = (byte)table.Symbol(other);
                return count;
            }
            (state, other) = (other, next);
        }
    }

    /// <summary>Reads as many literals as there is room for: exactly all bits.</summary>
    public void Decode(ReadOnlySpan<byte> input, Span<byte> literals)
    {
        var bits = new BackwardBits(input);
        for (int i = 0; i < literals.Length; i++)
        {
            int entry = _table[bits.Peek(_longest)];
            bits.Skip(entry & 15);
            if (bits.Left < 0) throw new InvalidDataException("the compressed data is cut short");
            literals[i] = (byte)(entry >> 4);
        }
        if (bits.Left != 0) throw new InvalidDataException("more bits than literals");
    }

    /// <summary>Writes literals as a stream of their own; the last one comes first.</summary>
    public void Encode(ReadOnlySpan<byte> literals, BitSink sink)
    {
        for (int i = literals.Length - 1; i >= 0; i--)
        {
            int length = _lengths[literals[i]];
            if (length == 0) throw new InvalidDataException("a literal without a code");
            sink.Put(_codes[literals[i]], length);
        }
        sink.Put(1, 1);
        sink.Put(0, sink.Padding);
    }
}
