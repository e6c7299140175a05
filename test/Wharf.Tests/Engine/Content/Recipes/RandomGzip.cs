using Wharf.Engine.Content.Recipes;

namespace Wharf.Tests.Engine.Content.Recipes;

/// <summary>Gzip archives as no compressor writes them, and every reader must take them: blocks, codes, copies, padding and headers at random.</summary>
internal sealed class RandomGzip
{
    private readonly Random _random;
    private readonly BitSink _sink = new();
    private readonly List<byte> _plain = [];
    private int _memberStart;

    private RandomGzip(Random random) => _random = random;

    public static (byte[] Archive, byte[] Plain) Make(Random random)
    {
        var made = new RandomGzip(random);
        for (int members = random.Next(1, 4); members > 0; members--) made.Member();
        for (int rest = random.Next(4) == 0 ? random.Next(40) : 0; rest > 0; rest--) made._sink.Put((uint)random.Next(1, 8), 8);
        return (made._sink.Written.ToArray(), [.. made._plain]);
    }

    private void Bytes(params ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) _sink.Put(value, 8);
    }

    private byte[] Noise(int count)
    {
        var bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    private void Member()
    {
        _memberStart = _plain.Count;
        byte flags = (byte)_random.Next(32);
        Bytes([0x1f, 0x8b, 8, flags, .. Noise(6)]);
        if ((flags & 4) != 0) Bytes([5, 0, .. Noise(5)]);
        if ((flags & 8) != 0) Bytes("name\0"u8);
        if ((flags & 16) != 0) Bytes("comment\0"u8);
        if ((flags & 2) != 0) Bytes(Noise(2));
        for (int blocks = _random.Next(1, 6); blocks > 0; blocks--) Block(blocks == 1);
        // The check sum is kept, not looked at: a digest stands over all.
        _sink.Put((uint)_random.Next(256), _sink.Padding);
        Bytes(Noise(8));
    }

    private void Block(bool isFinal)
    {
        _sink.Put(isFinal ? 1u : 0, 1);
        int type = _random.Next(3);
        _sink.Put((uint)type, 2);
        switch (type)
        {
            case 0:
                _sink.Put((uint)_random.Next(256) & (1u << _sink.Padding) - 1, _sink.Padding);
                var stored = Noise(_random.Next(3) == 0 ? _random.Next(65536) : _random.Next(20));
                _sink.Put((uint)stored.Length, 16);
                _sink.Put((uint)stored.Length ^ 0xffff, 16);
                Bytes(stored);
                _plain.AddRange(stored);
                break;
            case 1:
                Tokens(DeflateSymbols.FixedLiterals, DeflateSymbols.FixedDistances);
                break;
            default:
                var (literals, distances) = Codes();
                Tokens(literals, distances);
                break;
        }
    }

    /// <summary>Codes of all symbols, a few of them shorter at random, told with runs or without.</summary>
    private (HuffmanCode Literals, HuffmanCode Distances) Codes()
    {
        var lengths = new List<byte>();
        // 226 of 8 bits and 60 of 9: full.
        for (int i = 0; i < 286; i++) lengths.Add((byte)(i < 226 ? 8 : 9));
        for (int i = lengths.Count - 1; i > 0; i--)
        {
            int other = _random.Next(i + 1);
            (lengths[i], lengths[other]) = (lengths[other], lengths[i]);
        }
        for (int i = 0; i < 30; i++) lengths.Add(5);
        _sink.Put(286 - 257, 5);
        _sink.Put(30 - 1, 5);
        var order = new byte[19];
        // 16 of four bits: all but 1, 2 and 3.
        for (int i = 0; i < 19; i++) order[i] = DeflateSymbols.CodeLengthOrder[i] is 1 or 2 or 3 ? (byte)0 : (byte)4;
        _sink.Put((uint)order.Length - 4, 4);
        foreach (byte length in order) _sink.Put(length, 3);
        var code = new CodeDescription(286, 30, order, []).LengthCode();
        for (int at = 0; at < lengths.Count;)
        {
            int run = 0;
            while (at > 0 && run < 6 && at + run < lengths.Count && lengths[at + run] == lengths[at - 1]) run++;
            if (run >= 3 && _random.Next(2) == 0)
            {
                _sink.Put(code[16]);
                _sink.Put((uint)run - 3, 2);
                at += run;
            }
            else _sink.Put(code[lengths[at++]]);
        }
        return (new HuffmanCode(lengths.Take(286).ToArray()), new HuffmanCode(lengths.Skip(286).ToArray()));
    }

    private void Tokens(HuffmanCode literals, HuffmanCode distances)
    {
        int alphabet = _random.Next(2, 256), copies = _random.Next(4);
        for (int count = _random.Next(5) == 0 ? 0 : _random.Next(4000); count > 0; count--)
        {
            int known = Math.Min(_plain.Count - _memberStart, 32768);
            if (known == 0 || _random.Next(4) >= copies)
            {
                byte literal = (byte)_random.Next(alphabet);
                _sink.Put(literals[literal]);
                _plain.Add(literal);
                continue;
            }
            int length = _random.Next(8) == 0 ? 258 : _random.Next(3, _random.Next(4, 259)), distance = _random.Next(1, _random.Next(2) == 0 ? known + 1 : Math.Min(known, 40) + 1);
            int symbol = DeflateSymbols.OfLength(length), place = DeflateSymbols.OfDistance(distance);
            _sink.Put(literals[257 + symbol]);
            _sink.Put((uint)(length - DeflateSymbols.LengthBase[symbol]), DeflateSymbols.LengthBits[symbol]);
            _sink.Put(distances[place]);
            _sink.Put((uint)(distance - DeflateSymbols.DistanceBase[place]), DeflateSymbols.DistanceBits[place]);
            for (; length > 0; length--) _plain.Add(_plain[^distance]);
        }
        _sink.Put(literals[DeflateSymbols.EndOfBlock]);
    }
}
