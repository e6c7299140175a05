using System.Buffers.Binary;

namespace Wharf.Engine.Content.Deflate;

/// <summary>Some bits of a deflate stream, the first to be written lowest: a code, perhaps with what follows it.</summary>
internal readonly record struct Code(uint Bits, int Count)
{
    public Code Then(uint bits, int count) => new(Bits | bits << Count, Count + count);
}

/// <summary>Writes a deflate stream into memory that is large enough for eight bytes more than it writes.</summary>
internal ref struct DeflateWriter(Span<byte> output)
{
    private readonly Span<byte> _output = output;
    // Up to seven bits that make no byte yet.
    private ulong _bits;
    private int _count;

    public int Length { get; private set; }

    public void Put(uint bits, int count) => Put(new Code(bits, count));

    public void Put(Code code)
    {
        _bits |= (ulong)code.Bits << _count;
        _count += code.Count;
        Flush();
    }

    private void Flush()
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_output[Length..], _bits);
        Length += _count >> 3;
        _bits >>= _count & ~7;
        _count &= 7;
    }

    public void Literals(ReadOnlySpan<byte> run, ReadOnlySpan<Code> codes)
    {
        var (bits, count, length) = (_bits, _count, Length);
        int i = 0;
        // Four codes (BlockCodes.MostBits) and what is left over are 63 bits at most.
        for (; i + 4 <= run.Length; i += 4)
        {
            var (one, two, three, four) = (codes[run[i]], codes[run[i + 1]], codes[run[i + 2]], codes[run[i + 3]]);
            bits |= (ulong)one.Bits << count;
            count += one.Count;
            bits |= (ulong)two.Bits << count;
            count += two.Count;
            bits |= (ulong)three.Bits << count;
            count += three.Count;
            bits |= (ulong)four.Bits << count;
            count += four.Count;
            BinaryPrimitives.WriteUInt64LittleEndian(_output[length..], bits);
            length += count >> 3;
            bits >>= count & ~7;
            count &= 7;
        }
        for (; i < run.Length; i++)
        {
            var code = codes[run[i]];
            bits |= (ulong)code.Bits << count;
            count += code.Count;
        }
        (_bits, _count, Length) = (bits, count, length);
        Flush();
    }

    /// <summary>A length's code and extra bits (19 at most), a distance's (27).</summary>
    public void Match(Code length, Code distance, uint extra, int extraCount)
    {
        _bits |= (ulong)length.Bits << _count;
        _count += length.Count;
        _bits |= (ulong)distance.Bits << _count;
        _count += distance.Count;
        _bits |= (ulong)extra << _count;
        _count += extraCount;
        Flush();
    }

    /// <summary>Blocks that hold bytes as they are (RFC 1951, 3.2.4), up to a byte's end; of no bytes one.</summary>
    public void Stored(ReadOnlySpan<byte> bytes)
    {
        do
        {
            int length = Math.Min(bytes.Length, ushort.MaxValue);
            Put(0, 3);
            Put(0, -_count & 7);
            Put((uint)(length | (ushort)~length << 16), 32);
            bytes[..length].CopyTo(_output[Length..]);
            Length += length;
            bytes = bytes[length..];
        }
        while (bytes.Length > 0);
    }
}
