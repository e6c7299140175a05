using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Wharf.Engine.Logs;

/// <summary>One line of a log, read in place.</summary>
public ref struct LogEntry
{
    public int Stream;
    /// <summary>The text as written by the process, unescaped.</summary>
    public ReadOnlySpan<byte> Text;
    /// <summary>RFC 3339 as it stands in the file.</summary>
    public ReadOnlySpan<byte> Time;
    /// <summary>The attrs object as JSON; empty when there is none.</summary>
    public ReadOnlySpan<byte> Attributes;
    /// <summary>Of a local log: the attributes as fields of its message, from the first one on; empty when there is none.</summary>
    public ReadOnlySpan<byte> AttributeFields;
    /// <summary>Of a local log: the time, since it stands there as a number.</summary>
    public long Nanoseconds;
    /// <summary>Of a local log and of Kubernetes' lines: the text is the end of its line, whose line end is not kept.</summary>
    public bool EndsLine;
}

/// <summary>
/// Reads entries without a general JSON parser, as they are always written in one form; any other well-formed line goes through
/// <see cref="Utf8JsonReader"/>.
/// </summary>
public sealed class JsonLogParser
{
    private byte[] _scratch = new byte[32768];

    /// <summary>Parses one line (without its line end); false for a line that is torn or no entry.</summary>
    public bool TryParse(ReadOnlySpan<byte> line, out LogEntry entry)
    {
        entry = default;
        var rest = line;
        if (!Skip(ref rest, "{\"log\":\""u8)) return TryParseAnyForm(line, out entry);
        if (!Unescape(rest, out entry.Text, out int used)) return false;
        rest = rest[used..];
        if (Skip(ref rest, "\",\"stream\":\"stdout\""u8)) entry.Stream = 1;
        else if (Skip(ref rest, "\",\"stream\":\"stderr\""u8)) entry.Stream = 2;
        else return TryParseAnyForm(line, out entry);
        if (!Skip(ref rest, ",\"time\":\""u8)) return TryParseAnyForm(line, out entry);
        int end = rest.IndexOf((byte)'"');
        if (end < 0) return false;
        entry.Time = rest[..end];
        return true;
    }

    private static bool Skip(ref ReadOnlySpan<byte> rest, ReadOnlySpan<byte> expected)
    {
        if (!rest.StartsWith(expected)) return false;
        rest = rest[expected.Length..];
        return true;
    }

    private bool Unescape(ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> text, out int used)
    {
        text = default;
        used = 0;
        int all = rest.Length;
        int plain = rest.IndexOfAny((byte)'"', (byte)'\\');
        if (plain < 0) return false;
        if (rest[plain] == '"')
        {
            text = rest[..plain];
            used = plain;
            return true;
        }
        if (_scratch.Length < rest.Length) _scratch = new byte[rest.Length];
        int length = 0;
        while (true)
        {
            plain = rest.IndexOfAny((byte)'"', (byte)'\\');
            if (plain < 0) return false;
            rest[..plain].CopyTo(_scratch.AsSpan(length));
            length += plain;
            if (rest[plain] == '"')
            {
                text = _scratch.AsSpan(0, length);
                used = all - rest.Length + plain;
                return true;
            }
            if (rest.Length < plain + 2) return false;
            byte kind = rest[plain + 1];
            rest = rest[(plain + 2)..];
            if (kind == 'u')
            {
                if (rest.Length < 4 || !ushort.TryParse(rest[..4], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort value)) return false;
                rest = rest[4..];
                length += EncodeUnit(value, ref rest, _scratch.AsSpan(length));
            }
            else _scratch[length++] = kind switch { (byte)'n' => (byte)'\n', (byte)'r' => (byte)'\r', (byte)'t' => (byte)'\t', (byte)'b' => (byte)'\b', (byte)'f' => (byte)'\f', _ => kind };
        }
    }

    private static int EncodeUnit(ushort value, ref ReadOnlySpan<byte> rest, Span<byte> target)
    {
        var rune = Rune.ReplacementChar;
        if (!char.IsSurrogate((char)value)) rune = new Rune((char)value);
        else if (rest.StartsWith("\\u"u8) && rest.Length >= 6 && ushort.TryParse(rest[2..6], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort low)
            && Rune.TryCreate((char)value, (char)low, out var pair))
        {
            rune = pair;
            rest = rest[6..];
        }
        return rune.EncodeToUtf8(target);
    }

    // With attributes, or written by another engine.
    private bool TryParseAnyForm(ReadOnlySpan<byte> line, out LogEntry entry)
    {
        entry = default;
        try
        {
            var reader = new Utf8JsonReader(line);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool log = reader.ValueTextEquals("log"u8), stream = reader.ValueTextEquals("stream"u8), time = reader.ValueTextEquals("time"u8), attrs = reader.ValueTextEquals("attrs"u8);
                if (!reader.Read()) return false;
                if (log)
                {
                    if (_scratch.Length < line.Length) _scratch = new byte[line.Length];
                    entry.Text = _scratch.AsSpan(0, reader.CopyString(_scratch));
                }
                else if (stream) entry.Stream = reader.ValueTextEquals("stderr"u8) ? 2 : 1;
                else if (time) entry.Time = line.Slice((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);
                else
                {
                    long start = reader.TokenStartIndex;
                    if (!reader.TrySkip()) return false;
                    if (attrs) entry.Attributes = line[(int)start..(int)reader.BytesConsumed];
                }
            }
            return entry.Stream != 0 && entry.Time.Length > 0;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Nanoseconds of the Unix epoch of an RFC 3339 time with up to nine decimals.</summary>
    public static long Nanoseconds(ReadOnlySpan<byte> time)
    {
        Span<char> text = stackalloc char[40];
        if (time.Length > 40) return 0;
        Encoding.ASCII.GetChars(time, text);
        var whole = text[..time.Length];
        int dot = whole.IndexOf('.');
        long fraction = 0;
        if (dot >= 0)
        {
            int end = dot + 1, digits = 0;
            while (end < whole.Length && char.IsAsciiDigit(whole[end]) && digits < 9)
            {
                fraction = fraction * 10 + (whole[end++] - '0');
                digits++;
            }
            for (; digits < 9; digits++) fraction *= 10;
            whole = string.Concat(whole[..dot], whole[end..]).ToCharArray();
        }
        return DateTimeOffset.TryParse(whole, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant)
            ? (instant - DateTimeOffset.UnixEpoch).Ticks * 100 + fraction : 0;
    }
}
