using System.Buffers.Binary;

namespace Wharf.Runtime.NameServer;

/// <summary>The first question of a query (RFC 1035), read once. What is malformed has no question and gets no answer from names.</summary>
internal ref struct DnsQuestion
{
    public const ushort A = 1, PTR = 12, MX = 15, AAAA = 28, OPT = 41, IN = 1;
    public const int MaxName = 255;
    // 255 bytes on the wire, of which one is the first length and one the root.
    private const int MaxText = 254;

    /// <summary>Where the question ends in the message; what comes after are further records.</summary>
    public int End { get; private set; }
    public ushort Type { get; private set; }
    public ushort Class { get; private set; }
    /// <summary>In lower case, labels joined by dots, without the last dot.</summary>
    public ReadOnlySpan<char> Name { get; private set; }
    /// <summary>The client takes UDP answers of this size (EDNS, RFC 6891); 512 without it.</summary>
    public int UdpSize { get; private set; }
    public bool HasEdns { get; private set; }

    /// <summary>Reads a query with exactly one question; <paramref name="name"/> must hold 255 characters.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, Span<char> name, out DnsQuestion question)
    {
        question = default;
        // Header of 12 bytes: a query (QR 0) of the standard kind (OPCODE 0) with one question.
        if (message.Length < 17 || (message[2] & 0xF8) != 0 || BinaryPrimitives.ReadUInt16BigEndian(message[4..]) != 1) return false;
        int at = 12, length = 0;
        while (true)
        {
            if (at >= message.Length) return false;
            int label = message[at++];
            if (label == 0) break;
            // No compression in a question; a label has 63 bytes at most.
            if (label > 63 || at + label > message.Length || length + label + 1 > MaxText) return false;
            if (length > 0) name[length++] = '.';
            foreach (byte value in message.Slice(at, label)) name[length++] = (char)(value is >= (byte)'A' and <= (byte)'Z' ? value + 32 : value);
            at += label;
        }
        if (at + 4 > message.Length) return false;
        question.Name = name[..length];
        question.Type = BinaryPrimitives.ReadUInt16BigEndian(message[at..]);
        question.Class = BinaryPrimitives.ReadUInt16BigEndian(message[(at + 2)..]);
        question.End = at + 4;
        question.ReadEdns(message);
        return true;
    }

    // Clients put their one OPT record, with the root's name, right after the question.
    private void ReadEdns(ReadOnlySpan<byte> message)
    {
        UdpSize = 512;
        if (BinaryPrimitives.ReadUInt16BigEndian(message[10..]) == 0 || BinaryPrimitives.ReadUInt32BigEndian(message[6..]) >> 16 != 0) return;
        if (End + 11 > message.Length || message[End] != 0 || BinaryPrimitives.ReadUInt16BigEndian(message[(End + 1)..]) != OPT) return;
        HasEdns = true;
        UdpSize = Math.Clamp((int)BinaryPrimitives.ReadUInt16BigEndian(message[(End + 3)..]), 512, 4096);
    }
}

/// <summary>Writes an answer over a buffer; records that do not fit are left out and the answer says so (TC).</summary>
internal ref struct DnsAnswer
{
    public const byte NoError = 0, ServerFailure = 2, Refused = 5;
    private const uint TimeToLive = 600; // docker's
    private const ushort PointerToQuestion = 0xC00C, OwnUdpSize = 1232;
    private const int EdnsLength = 11;

    private readonly Span<byte> _buffer;
    private readonly int _limit;
    private int _length;
    private ushort _answers;

    /// <summary>Begins an answer to a query: header and question. <paramref name="limit"/> is the most that the transport takes.</summary>
    public DnsAnswer(Span<byte> buffer, ReadOnlySpan<byte> query, in DnsQuestion question, byte code, bool recursion, int limit)
    {
        _buffer = buffer;
        _limit = Math.Min(limit, buffer.Length) - (question.HasEdns ? EdnsLength : 0);
        query[..question.End].CopyTo(buffer);
        buffer[2] = (byte)(0x80 | (query[2] & 0x01)); // a response; RD as asked
        buffer[3] = (byte)((recursion ? 0x80 : 0) | code);
        buffer[6..12].Clear();
        _length = question.End;
    }

    public bool AddAddress(scoped ReadOnlySpan<byte> address) => Add(address.Length == 4 ? DnsQuestion.A : DnsQuestion.AAAA, address);

    public bool AddPointer(string name)
    {
        Span<byte> data = stackalloc byte[256];
        return TryEncode(name, data, out int length) && Add(DnsQuestion.PTR, data[..length]);
    }

    private bool Add(ushort type, scoped ReadOnlySpan<byte> data)
    {
        if (_length + 12 + data.Length > _limit)
        {
            _buffer[2] |= 0x02;
            return false;
        }
        var record = _buffer[_length..];
        BinaryPrimitives.WriteUInt16BigEndian(record, PointerToQuestion);
        BinaryPrimitives.WriteUInt16BigEndian(record[2..], type);
        BinaryPrimitives.WriteUInt16BigEndian(record[4..], DnsQuestion.IN);
        BinaryPrimitives.WriteUInt32BigEndian(record[6..], TimeToLive);
        BinaryPrimitives.WriteUInt16BigEndian(record[10..], (ushort)data.Length);
        data.CopyTo(record[12..]);
        _length += 12 + data.Length;
        _answers++;
        return true;
    }

    /// <summary>The whole message's length. Who asked with EDNS is answered with it.</summary>
    public int Finish(bool edns)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[6..], _answers);
        if (!edns) return _length;
        var record = _buffer.Slice(_length, EdnsLength);
        record.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(record[1..], DnsQuestion.OPT);
        BinaryPrimitives.WriteUInt16BigEndian(record[3..], OwnUdpSize);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[10..], 1);
        return _length + EdnsLength;
    }

    /// <summary>A name in wire form: labels behind their lengths. False where it is none.</summary>
    public static bool TryEncode(string name, Span<byte> to, out int length)
    {
        length = 0;
        foreach (var label in name.AsSpan().Split('.'))
        {
            var text = name.AsSpan(label);
            if (text.Length is 0 or > 63 || length + text.Length + 2 > 255) return false;
            to[length++] = (byte)text.Length;
            foreach (char character in text)
            {
                if (character > 126) return false;
                to[length++] = (byte)character;
            }
        }
        to[length++] = 0;
        return true;
    }
}
