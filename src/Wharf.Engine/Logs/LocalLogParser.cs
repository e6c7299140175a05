using System.Buffers.Binary;
using System.Text;

namespace Wharf.Engine.Logs;

/// <summary>Reads docker's <c>local</c> log: frames of a big-endian length, a protobuf message, and the length again.</summary>
public static class LocalLogParser
{
    private const int MaxEntry = 1 << 20;

    /// <summary>
    /// The length of the whole frame that begins <paramref name="skipped"/> bytes into <paramref name="data"/>; 0 when it is not all there.
    /// Bytes that begin no frame, as a power cut leaves them, are skipped.
    /// </summary>
    public static int NextFrame(ReadOnlySpan<byte> data, out int skipped)
    {
        for (skipped = 0; data.Length - skipped >= 8; skipped++)
        {
            int size = BinaryPrimitives.ReadInt32BigEndian(data[skipped..]);
            if (size is < 2 or > MaxEntry || data[skipped + 4] != 0x0a) continue;
            if (data.Length - skipped < size + 8) return 0;
            if (BinaryPrimitives.ReadInt32BigEndian(data[(skipped + 4 + size)..]) == size) return size + 8;
        }
        return 0;
    }

    public static bool TryParse(ReadOnlySpan<byte> message, out LogEntry entry)
    {
        entry = new LogEntry { EndsLine = true };
        while (message.Length > 0)
        {
            var rest = message;
            if (!TryField(ref message, out ulong key, out ulong number, out var bytes)) return false;
            switch (key)
            {
                case Source: entry.Stream = bytes.SequenceEqual("stderr"u8) ? 2 : 1; break;
                case Time: entry.Nanoseconds = (long)number; break;
                case Line: entry.Text = bytes; break;
                // Part of a long line; field 1 says that it is the last.
                case Part: entry.EndsLine = bytes is [0x08, 1, ..]; break;
                case Attribute: if (entry.AttributeFields.IsEmpty) entry.AttributeFields = rest; break;
            }
        }
        return entry.Stream != 0;
    }

    /// <summary>The attributes of <see cref="LogEntry.AttributeFields"/>.</summary>
    public static Dictionary<string, string> Attributes(ReadOnlySpan<byte> fields)
    {
        var attributes = new Dictionary<string, string>();
        while (TryField(ref fields, out ulong key, out _, out var pair))
        {
            if (key != Attribute) continue;
            string name = "", value = "";
            while (TryField(ref pair, out key, out _, out var text))
                if (key == Name) name = Encoding.UTF8.GetString(text);
                else if (key == Value) value = Encoding.UTF8.GetString(text);
            attributes[name] = value;
        }
        return attributes;
    }

    // Keys of fields: the number, and in the last three bits whether a number (0) or counted bytes (2) follow.
    private const ulong Source = 1 << 3 | 2, Time = 2 << 3, Line = 3 << 3 | 2, Part = 5 << 3 | 2, Attribute = 6 << 3 | 2, Name = 1 << 3 | 2, Value = 2 << 3 | 2;

    private static bool TryField(scoped ref ReadOnlySpan<byte> data, out ulong key, out ulong number, out ReadOnlySpan<byte> bytes)
    {
        number = 0;
        bytes = default;
        if (!TryVarint(ref data, out key)) return false;
        if ((key & 7) == 0) return TryVarint(ref data, out number);
        if ((key & 7) != 2 || !TryVarint(ref data, out ulong length) || length > (ulong)data.Length) return false;
        bytes = data[..(int)length];
        data = data[(int)length..];
        return true;
    }

    private static bool TryVarint(scoped ref ReadOnlySpan<byte> data, out ulong value)
    {
        value = 0;
        for (int i = 0; i < data.Length && i < 10; i++)
        {
            value |= (ulong)(data[i] & 0x7f) << (7 * i);
            if (data[i] >= 0x80) continue;
            data = data[(i + 1)..];
            return true;
        }
        return false;
    }
}
