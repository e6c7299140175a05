namespace Wharf.Engine.Content.Recipes;

/// <summary>The bits of a deflate stream, lowest first in each byte.</summary>
internal sealed class BitSource(Stream input)
{
    private readonly byte[] _buffer = new byte[128 << 10];
    private int _at, _end;
    private ulong _bits;
    private int _count;

    /// <summary>Has at least 48 bits ready, as far as there are that many.</summary>
    private void Fill()
    {
        while (_count <= 56)
        {
            if (_at == _end) (_at, _end) = (0, input.Read(_buffer));
            if (_at == _end) return;
            _bits |= (ulong)_buffer[_at++] << _count;
            _count += 8;
        }
    }

    public uint Take(int count)
    {
        if (_count < count) Fill();
        if (_count < count) throw new InvalidDataException("the compressed data is cut short");
        uint value = (uint)(_bits & (1ul << count) - 1);
        _bits >>= count;
        _count -= count;
        return value;
    }

    public int Symbol(HuffmanCode code)
    {
        if (_count < HuffmanCode.MaxBits) Fill();
        int symbol = code.Read(_bits, out int length);
        if (length > _count) throw new InvalidDataException("the compressed data is cut short");
        _bits >>= length;
        _count -= length;
        return symbol;
    }

    /// <summary>What fills up the byte that is begun.</summary>
    public uint TakePadding() => Take(_count & 7);

    /// <summary>At the border of a byte.</summary>
    public bool AtEnd()
    {
        if (_count == 0) Fill();
        return _count == 0;
    }

    /// <summary>At the border of a byte: the next bytes, without taking them; 0 for those that are not there.</summary>
    public uint Peek(int bytes)
    {
        if (_count < bytes * 8) Fill();
        return (uint)(_bits & (1ul << bytes * 8) - 1);
    }
}

/// <summary>Puts a compressed stream together in memory, the lowest bit of each byte first; the owner takes away what is whole.</summary>
internal sealed class BitSink
{
    private byte[] _buffer = new byte[96 << 10];
    private ulong _bits;
    private int _count;

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    public void Clear() => Length = 0;

    public void Put(uint value, int count)
    {
        _bits |= (ulong)value << _count;
        _count += count;
        while (_count >= 8)
        {
            if (Length == _buffer.Length) Array.Resize(ref _buffer, Length * 2);
            _buffer[Length++] = (byte)_bits;
            _bits >>= 8;
            _count -= 8;
        }
    }

    public void Put((ushort Code, int Bits) code) => Put(code.Code, code.Bits);

    /// <summary>At the border of a byte: whole bytes.</summary>
    public void Put(ReadOnlySpan<byte> bytes)
    {
        if (_buffer.Length - Length < bytes.Length) Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, Length + bytes.Length));
        bytes.CopyTo(_buffer.AsSpan(Length));
        Length += bytes.Length;
    }

    /// <summary>What was put from a place on, to be written over.</summary>
    public Span<byte> At(int place) => _buffer.AsSpan(place, Length - place);

    /// <summary>How many bits are missing to a whole byte.</summary>
    public int Padding => -_count & 7;
}
