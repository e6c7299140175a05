using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wharf.Engine.Content.Deflate;

/// <summary>The checksum of gzip (RFC 1952 section 8): the text as a polynomial over GF(2), the lowest bit of each byte first, modulo another.</summary>
internal static class Crc32
{
    private const uint Polynomial = 0xedb88320, One = 0x80000000;
    private const int Lane = 16, Lanes = 4;
    private static readonly uint[] _table = [.. Enumerable.Range(0, 256).Select(static value => Step((uint)value, 8))];
    // What a lane is multiplied by when it moves on: powers of x, a bit higher as carry-less products of reflected numbers lie a bit low.
    private static readonly Vector128<ulong> _byLane = Powers(Lane), _byLanes = Powers(Lane * Lanes);

    /// <summary>The remainder of <c>value * x^bits</c>.</summary>
    private static uint Step(uint value, int bits)
    {
        for (; bits > 0; bits--) value = (value & 1) != 0 ? value >> 1 ^ Polynomial : value >> 1;
        return value;
    }

    private static Vector128<ulong> Powers(int bytes) => Vector128.Create((ulong)Step(One, bytes * 8 + 32) << 1, (ulong)Step(One, bytes * 8 - 32) << 1);

    public static uint Of(ReadOnlySpan<byte> text)
    {
        uint crc = uint.MaxValue;
        if (Pclmulqdq.IsSupported && text.Length >= Lane * Lanes)
        {
            // What the lanes come to has the remainder of all that is behind it, after a start of zero.
            Span<byte> folded = stackalloc byte[Lane];
            text = Fold(text, folded);
            crc = ByTable(0, folded);
        }
        return ~ByTable(crc, text);
    }

    private static uint ByTable(uint crc, ReadOnlySpan<byte> text)
    {
        foreach (byte value in text) crc = _table[(byte)crc ^ value] ^ crc >> 8;
        return crc;
    }

    /// <summary>Four lanes of 128 bits are moved over the text and added up, then one (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel 2009). Returns the rest.</summary>
    private static ReadOnlySpan<byte> Fold(ReadOnlySpan<byte> text, scoped Span<byte> folded)
    {
        var (one, two, three, four) = (At(text, 0) ^ Vector128.CreateScalar((ulong)uint.MaxValue), At(text, 1), At(text, 2), At(text, 3));
        for (text = text[(Lane * Lanes)..]; text.Length >= Lane * Lanes; text = text[(Lane * Lanes)..])
        {
            one = Move(one, _byLanes) ^ At(text, 0);
            two = Move(two, _byLanes) ^ At(text, 1);
            three = Move(three, _byLanes) ^ At(text, 2);
            four = Move(four, _byLanes) ^ At(text, 3);
        }
        one = Move(Move(Move(one, _byLane) ^ two, _byLane) ^ three, _byLane) ^ four;
        for (; text.Length >= Lane; text = text[Lane..]) one = Move(one, _byLane) ^ At(text, 0);
        BinaryPrimitives.WriteUInt64LittleEndian(folded, one[0]);
        BinaryPrimitives.WriteUInt64LittleEndian(folded[sizeof(ulong)..], one[1]);
        return text;
    }

    private static Vector128<ulong> At(ReadOnlySpan<byte> text, int lane) => MemoryMarshal.Read<Vector128<ulong>>(text[(lane * Lane)..]);

    private static Vector128<ulong> Move(Vector128<ulong> lane, Vector128<ulong> powers)
        => Pclmulqdq.CarrylessMultiply(lane, powers, 0x00) ^ Pclmulqdq.CarrylessMultiply(lane, powers, 0x11);

    /// <summary>Of two texts one after the other, from those of each (zlib's crc32_combine): appending zeros is a linear map.</summary>
    public static uint Combine(uint first, uint second, long secondLength) => Multiply(PowerOfX(secondLength * 8), first) ^ second;

    /// <summary>The product modulo the polynomial; the highest power is the lowest bit.</summary>
    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (uint bit = One; bit != 0; bit >>= 1)
        {
            if ((a & bit) != 0) product ^= b;
            b = (b & 1) != 0 ? b >> 1 ^ Polynomial : b >> 1;
        }
        return product;
    }

    private static uint PowerOfX(long exponent)
    {
        uint result = One, square = One >> 1;
        for (; exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) != 0) result = Multiply(square, result);
            square = Multiply(square, square);
        }
        return result;
    }
}
