using System.Buffers.Binary;
using System.Text;

namespace Wharf.BuildKit.Transport;

/// <summary>
/// Sends the values of some HTTP/2 request headers one by one. .NET's client joins the values of a header with a comma and a blank, which is legal HTTP
/// but not what gRPC's metadata means: there each value stands alone. The frames that carry headers are rewritten on their way; their compression is
/// .NET's, which uses neither the dynamic table nor Huffman codes.
/// </summary>
/// <param name="names">Headers, lower case, whose values hold no comma themselves.</param>
internal sealed class SeparateHeaders(IReadOnlyCollection<string> names)
{
    private const int PrefaceLength = 24, FrameHead = 9, MaxFrame = 16384, MaxBlock = 1 << 20;
    private const byte Headers = 1, Continuation = 9, EndStream = 1, EndHeaders = 4;

    private readonly MemoryStream _pending = new();
    private readonly MemoryStream _block = new();
    private int _preface = PrefaceLength, _passing;
    private byte _flags;

    /// <summary>Takes what was to be sent and gives what to send; the rest of a frame waits for the next call.</summary>
    public byte[] Rewrite(ReadOnlySpan<byte> data)
    {
        using var output = new MemoryStream();
        while (!data.IsEmpty)
        {
            int through = Math.Min(data.Length, _preface > 0 ? _preface : _passing);
            if (through > 0)
            {
                output.Write(data[..through]);
                if (_preface > 0) _preface -= through;
                else _passing -= through;
                data = data[through..];
                continue;
            }
            data = TakeFrame(data, output);
        }
        return output.ToArray();
    }

    private ReadOnlySpan<byte> TakeFrame(ReadOnlySpan<byte> data, MemoryStream output)
    {
        int wanted = _pending.Length < FrameHead ? FrameHead : FrameHead + Length(_pending.GetBuffer());
        int count = Math.Min(data.Length, wanted - (int)_pending.Length);
        _pending.Write(data[..count]);
        data = data[count..];
        if (_pending.Length < FrameHead) return data;
        var head = _pending.GetBuffer().AsSpan(0, FrameHead);
        if (head[3] is not (Headers or Continuation))
        {
            output.Write(head);
            _passing = Length(head);
            _pending.SetLength(0);
            return data;
        }
        if (_pending.Length == FrameHead + Length(head))
        {
            TakeBlock(head, _pending.GetBuffer().AsSpan(FrameHead, Length(head)), output);
            _pending.SetLength(0);
        }
        return data;
    }

    private static int Length(ReadOnlySpan<byte> head) => head[0] << 16 | head[1] << 8 | head[2];

    private void TakeBlock(ReadOnlySpan<byte> head, ReadOnlySpan<byte> payload, MemoryStream output)
    {
        if (head[3] == Headers) _flags = head[4];
        if (_block.Length + payload.Length > MaxBlock) throw new IOException("too many headers in a call to the client's session");
        _block.Write(payload);
        if ((head[4] & EndHeaders) == 0) return;
        WriteBlock(BinaryPrimitives.ReadInt32BigEndian(head[5..]), Separated(_block.GetBuffer().AsSpan(0, (int)_block.Length)), output);
        _block.SetLength(0);
    }

    private void WriteBlock(int stream, ReadOnlySpan<byte> block, MemoryStream output)
    {
        Span<byte> head = stackalloc byte[FrameHead];
        for (bool first = true; first || !block.IsEmpty; first = false)
        {
            int count = Math.Min(block.Length, MaxFrame);
            bool last = count == block.Length;
            (head[0], head[1], head[2]) = ((byte)(count >> 16), (byte)(count >> 8), (byte)count);
            head[3] = first ? Headers : Continuation;
            head[4] = (byte)((first ? _flags & EndStream : 0) | (last ? EndHeaders : 0));
            BinaryPrimitives.WriteInt32BigEndian(head[5..], stream);
            output.Write(head);
            output.Write(block[..count]);
            block = block[count..];
        }
    }

    /// <summary>The header block (RFC 7541) with the fields of our names taken apart.</summary>
    private byte[] Separated(ReadOnlySpan<byte> block)
    {
        using var output = new MemoryStream();
        while (!block.IsEmpty)
        {
            var rest = block;
            byte kind = rest[0];
            if ((kind & 0x80) != 0) ReadNumber(ref rest, 7);
            else if ((kind & 0xe0) == 0x20) ReadNumber(ref rest, 5);
            else
            {
                int index = ReadNumber(ref rest, (kind & 0x40) != 0 ? 6 : 4);
                var name = index == 0 ? ReadText(ref rest) : null;
                var value = ReadText(ref rest);
                if (name is not null && value is not null && names.Contains(name))
                {
                    foreach (var part in value.Split(", ")) WriteField(output, name, part);
                    block = rest;
                    continue;
                }
            }
            output.Write(block[..(block.Length - rest.Length)]);
            block = rest;
        }
        return output.ToArray();
    }

    private static int ReadNumber(ref ReadOnlySpan<byte> data, int prefix)
    {
        int mask = (1 << prefix) - 1, value = data[0] & mask;
        data = data[1..];
        if (value < mask) return value;
        for (int shift = 0; shift <= 21; shift += 7)
        {
            byte next = data[0];
            data = data[1..];
            value += (next & 0x7f) << shift;
            if ((next & 0x80) == 0) return value;
        }
        throw new IOException("a header is too long");
    }

    /// <summary>A string; null when it is compressed.</summary>
    private static string? ReadText(ref ReadOnlySpan<byte> data)
    {
        bool compressed = (data[0] & 0x80) != 0;
        int length = ReadNumber(ref data, 7);
        var text = compressed ? null : Encoding.ASCII.GetString(data[..length]);
        data = data[length..];
        return text;
    }

    private static void WriteField(MemoryStream output, string name, string value)
    {
        output.WriteByte(0);
        WriteText(output, name);
        WriteText(output, value);
    }

    private static void WriteText(MemoryStream output, string text)
    {
        int length = text.Length;
        if (length < 0x7f) output.WriteByte((byte)length);
        else
        {
            output.WriteByte(0x7f);
            for (length -= 0x7f; length >= 0x80; length >>= 7) output.WriteByte((byte)(length & 0x7f | 0x80));
            output.WriteByte((byte)length);
        }
        output.Write(Encoding.ASCII.GetBytes(text));
    }
}
