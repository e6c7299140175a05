namespace Wharf.Engine.Content.Recipes;

/// <summary>Binary decisions in either direction: an encoder writes what it is told and gives it back, a decoder gives what was written.</summary>
internal interface IBitCoder
{
    /// <summary>A decision with an adaptive probability (of 0, in 32768ths).</summary>
    int Bit(ref ushort probability, int bit);

    /// <summary>Up to 32 bits that are not worth a model.</summary>
    uint Bits(uint value, int count);
}

/// <summary>
/// An adaptive binary range coder (Martin 1979, with the carry handling that LZMA made common): a decision that comes as expected costs some thousandths
/// of a bit.
/// </summary>
internal sealed class RangeEncoder(Stream output)
{
    private const uint Top = 1u << 24;
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _used;
    private ulong _low;
    private uint _range = uint.MaxValue;
    private byte _cache;
    private long _pending = 1;

    public long Written { get; private set; }

    public void Bit(ref ushort probability, int bit)
    {
        uint bound = (_range >> 15) * probability;
        if (bit == 0)
        {
            _range = bound;
            probability += (ushort)((32768 - probability) >> 5);
        }
        else
        {
            _low += bound;
            _range -= bound;
            probability -= (ushort)(probability >> 5);
        }
        while (_range < Top) Shift();
    }

    public void Bits(uint value, int count)
    {
        while (--count >= 0)
        {
            _range >>= 1;
            if ((value >> count & 1) != 0) _low += _range;
            while (_range < Top) Shift();
        }
    }

    private void Shift()
    {
        _range <<= 8;
        ShiftLow();
    }

    /// <summary>Gives out the highest byte, once it is known whether a carry still comes into it.</summary>
    private void ShiftLow()
    {
        if (_low is < 0xff000000 or > 0xffffffff)
        {
            byte carry = (byte)(_low >> 32);
            do
            {
                Put((byte)(_cache + carry));
                _cache = 0xff;
            }
            while (--_pending != 0);
            _cache = (byte)(_low >> 24);
        }
        _pending++;
        _low = (_low & 0x00ffffff) << 8;
    }

    private void Put(byte value)
    {
        if (_used == _buffer.Length) Flush();
        _buffer[_used++] = value;
        Written++;
    }

    private void Flush()
    {
        output.Write(_buffer, 0, _used);
        _used = 0;
    }

    public void Complete()
    {
        for (int i = 0; i < 5; i++) ShiftLow();
        Flush();
    }
}

/// <summary>Reads what a <see cref="RangeEncoder"/> wrote. InvalidDataException when it is read beyond its end.</summary>
internal sealed class RangeDecoder
{
    private const uint Top = 1u << 24;
    private readonly Stream _input;
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _at, _end, _beyond;
    private uint _range = uint.MaxValue, _code;

    public RangeDecoder(Stream input)
    {
        _input = input;
        for (int i = 0; i < 5; i++) _code = _code << 8 | Next();
    }

    public int Bit(ref ushort probability)
    {
        uint bound = (_range >> 15) * probability;
        int bit;
        if (_code < bound)
        {
            _range = bound;
            probability += (ushort)((32768 - probability) >> 5);
            bit = 0;
        }
        else
        {
            _code -= bound;
            _range -= bound;
            probability -= (ushort)(probability >> 5);
            bit = 1;
        }
        while (_range < Top) Shift();
        return bit;
    }

    public uint Bits(int count)
    {
        uint value = 0;
        while (--count >= 0)
        {
            _range >>= 1;
            uint bit = _code >= _range ? 1u : 0;
            if (bit != 0) _code -= _range;
            value = value << 1 | bit;
            while (_range < Top) Shift();
        }
        return value;
    }

    private void Shift()
    {
        _range <<= 8;
        _code = _code << 8 | Next();
    }

    private byte Next()
    {
        if (_at == _end) (_at, _end) = (0, _input.Read(_buffer));
        if (_at < _end) return _buffer[_at++];
        return ++_beyond > 8 ? throw new InvalidDataException("the recipe is cut short") : (byte)0;
    }
}

internal readonly struct EncodingBits(RangeEncoder encoder) : IBitCoder
{
    public int Bit(ref ushort probability, int bit)
    {
        encoder.Bit(ref probability, bit);
        return bit;
    }

    public uint Bits(uint value, int count)
    {
        encoder.Bits(value, count);
        return value;
    }
}

internal readonly struct DecodingBits(RangeDecoder decoder) : IBitCoder
{
    public int Bit(ref ushort probability, int bit) => decoder.Bit(ref probability);
    public uint Bits(uint value, int count) => decoder.Bits(count);
}

/// <summary>Numbers below a power of two, bit by bit from the highest, each with a probability for what came before it.</summary>
internal sealed class BitTree(int bits)
{
    private readonly ushort[] _probabilities = Probabilities(1 << bits);

    public int Code<T>(T coder, int value) where T : struct, IBitCoder
    {
        int node = 1;
        for (int i = bits - 1; i >= 0; i--) node = node << 1 | coder.Bit(ref _probabilities[node], value >> i & 1);
        return node - (1 << bits);
    }

    public static ushort[] Probabilities(int count)
    {
        var all = new ushort[count];
        Array.Fill(all, (ushort)16384);
        return all;
    }
}
