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
            if (!TryVarint(ref message, out ulong tag)) return false;
            if ((tag & 7) == 0)
            {
                if (!TryVarint(ref message, out ulong value)) return false;
                if (tag >> 3 == 2) entry.Nanoseconds = (long)value;
                continue;
            }
            if ((tag & 7) != 2 || !TryVarint(ref message, out ulong length) || length > (ulong)message.Length) return false;
            var field = message[..(int)length];
            message = message[(int)length..];
            switch (tag >> 3)
            {
                case 1: entry.Stream = field.SequenceEqual("stderr"u8) ? 2 : 1; break;
                case 3: entry.Text = field; break;
                // Part of a long line; field 1 says that it is the last.
                case 5: entry.EndsLine = field is [0x08, 1, ..]; break;
                case 6: if (entry.AttributeFields.IsEmpty) entry.AttributeFields = rest; break;
            }
        }
        return entry.Stream != 0;
    }

    /// <summary>The attributes of <see cref="LogEntry.AttributeFields"/>.</summary>
    public static Dictionary<string, string> Attributes(ReadOnlySpan<byte> fields)
    {
        var attributes = new Dictionary<string, string>();
        while (TryField(ref fields, out int number, out var pair))
        {
            if (number != 6) continue;
            string name = "", value = "";
            while (TryField(ref pair, out number, out var text))
                if (number == 1) name = Encoding.UTF8.GetString(text);
                else if (number == 2) value = Encoding.UTF8.GetString(text);
            attributes[name] = value;
        }
        return attributes;
    }

    private static bool TryField(ref ReadOnlySpan<byte> data, out int number, out ReadOnlySpan<byte> field)
    {
        number = 0;
        field = default;
        if (data.IsEmpty || !TryVarint(ref data, out ulong tag) || (tag & 7) != 2 || !TryVarint(ref data, out ulong length) || length > (ulong)data.Length) return false;
        number = (int)(tag >> 3);
        field = data[..(int)length];
        data = data[(int)length..];
        return true;
    }

    private static bool TryVarint(ref ReadOnlySpan<byte> data, out ulong value)
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
