using System.Buffers.Binary;
using System.Text;
using Wharf.Runtime.Protobuf;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>
/// docker's <c>local</c> log, byte for byte: entries of a 4-byte big-endian length, a protobuf message (1 source, 2 time_nano, 3 line,
/// 4 partial, 5 {1 last, 2 id, 3 ordinal}) and the length again, so that it can be read from both ends. Attributes are ours: field 6, a map
/// of strings ({1 name, 2 value}), which docker's reader passes over.
/// </summary>
internal sealed class LocalFileLog(LogTarget target) : FileLineLog(target)
{
    private readonly byte[] _attributes = Attributes(target.Attributes);

    protected override void Line(int stream, ReadOnlySpan<byte> text, DateTimeOffset time, PartOfLine? part) => Add(stream, text, time, part);

    /// <summary>Takes a line that was cut by another log.</summary>
    public void Add(int stream, ReadOnlySpan<byte> text, DateTimeOffset time, PartOfLine? part)
    {
        long nanoseconds = (time - DateTimeOffset.UnixEpoch).Ticks * 100;
        Span<byte> head = stackalloc byte[32], meta = stackalloc byte[96];
        int length = 0;
        head[length++] = 0x0a;
        head[length++] = 6;
        (stream == 0 ? "stdout"u8 : "stderr"u8).CopyTo(head[length..]);
        length += 6;
        head[length++] = 0x10;
        length += Varint(head[length..], (ulong)nanoseconds);
        head[length++] = 0x1a;
        length += Varint(head[length..], (ulong)text.Length);
        int metaLength = part is null ? 0 : Meta(meta, part);
        int size = length + text.Length + metaLength + _attributes.Length;
        var entry = Out.GetSpan(size + 8);
        BinaryPrimitives.WriteInt32BigEndian(entry, size);
        head[..length].CopyTo(entry[4..]);
        text.CopyTo(entry[(4 + length)..]);
        meta[..metaLength].CopyTo(entry[(4 + length + text.Length)..]);
        _attributes.CopyTo(entry[(4 + size - _attributes.Length)..]);
        BinaryPrimitives.WriteInt32BigEndian(entry[(4 + size)..], size);
        Out.Advance(size + 8);
        EndEntry();
    }

    /// <summary>They are the same with each line.</summary>
    private static byte[] Attributes(Dictionary<string, string>? attributes)
    {
        var fields = new ProtoWriter();
        foreach (var (name, value) in attributes ?? [])
            fields.Message(6, pair =>
            {
                pair.Text(1, name);
                pair.Text(2, value);
            });
        return fields.ToArray();
    }

    private static int Meta(Span<byte> meta, PartOfLine part)
    {
        Span<byte> inner = stackalloc byte[88];
        int length = 0;
        if (part.Last) { inner[length++] = 0x08; inner[length++] = 1; }
        inner[length++] = 0x12;
        inner[length++] = (byte)part.Id.Length;
        length += Encoding.ASCII.GetBytes(part.Id, inner[length..]);
        inner[length++] = 0x18;
        length += Varint(inner[length..], (ulong)part.Ordinal);
        int at = 0;
        meta[at++] = 0x20;
        meta[at++] = 1;
        meta[at++] = 0x2a;
        meta[at++] = (byte)length;
        inner[..length].CopyTo(meta[at..]);
        return at + length;
    }

    private static int Varint(Span<byte> target, ulong value)
    {
        int length = 0;
        for (; value >= 0x80; value >>= 7) target[length++] = (byte)(value | 0x80);
        target[length++] = (byte)value;
        return length;
    }
}
