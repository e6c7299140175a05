using System.Numerics;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Bits of a table's description, lowest first in each byte.</summary>
internal ref struct ForwardBits(ReadOnlySpan<byte> input)
{
    private readonly ReadOnlySpan<byte> _input = input;
    private int _at;

    /// <summary>The next bits, at most 16; zeros beyond the end.</summary>
    public readonly uint Peek(int count)
    {
        uint bits = 0;
        for (int i = 0; i < 3 && (_at >> 3) + i < _input.Length; i++) bits |= (uint)_input[(_at >> 3) + i] << 8 * i;
        return bits >> (_at & 7) & (1u << count) - 1;
    }

    public void Skip(int count)
    {
        _at += count;
        if (_at > _input.Length * 8) throw new InvalidDataException("the compressed data is cut short");
    }

    public uint Take(int count)
    {
        uint bits = Peek(count);
        Skip(count);
        return bits;
    }

    /// <summary>Bytes that were begun.</summary>
    public readonly int Bytes => _at + 7 >> 3;
}

/// <summary>Bits that are read from the end of their bytes to the beginning (RFC 8878, 4.1): the highest one that is set marks the end.</summary>
internal ref struct BackwardBits
{
    private readonly ReadOnlySpan<byte> _input;

    public BackwardBits(ReadOnlySpan<byte> input)
    {
        _input = input;
        if (input.Length == 0 || input[^1] == 0) throw new InvalidDataException("bits without an end");
        Left = input.Length * 8 - 8 + BitOperations.Log2((uint)input[^1]);
    }

    /// <summary>Negative once more was taken than there is.</summary>
    public int Left { get; private set; }

    /// <summary>The next bits, at most 32; zeros below the beginning.</summary>
    public readonly uint Peek(int count)
    {
        int low = Left - count;
        if (low < 0) return Left <= 0 ? 0 : (uint)(Load(0) & (1ul << Left) - 1) << -low;
        return (uint)(Load(low >> 3) >> (low & 7) & (1ul << count) - 1);
    }

    private readonly ulong Load(int at)
    {
        if (at + 8 <= _input.Length) return System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(_input[at..]);
        ulong bits = 0;
        for (int i = 0; at + i < _input.Length; i++) bits |= (ulong)_input[at + i] << 8 * i;
        return bits;
    }

    public void Skip(int count) => Left -= count;

    public uint Take(int count)
    {
        uint bits = Peek(count);
        Left -= count;
        return Left >= 0 ? bits : throw new InvalidDataException("the compressed data is cut short");
    }
}
