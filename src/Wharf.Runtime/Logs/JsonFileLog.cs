using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Wharf.Runtime.Shim;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>
/// Docker's json-file log: one object a line, <c>{"log":…,"stream":…,"time":…}</c>. Lines longer than 16 KiB are split, as docker
/// does; a part that is not the last has no line end in <c>log</c>.
/// </summary>
internal sealed class JsonFileLog : ContainerLog
{
    private const int MaxLine = 16 << 10;
    private static readonly SearchValues<byte> Plain = SearchValues.Create([.. Enumerable.Range(0x20, 0x5f).Select(value => (byte)value).Where(value => value is not ((byte)'"' or (byte)'\\' or (byte)'<' or (byte)'>' or (byte)'&'))]);

    private readonly LogFiles _files;
    private readonly byte[] _attributes;
    private readonly byte[]?[] _partial = new byte[]?[2];
    private readonly int[] _partialLength = new int[2];
    private readonly ArrayBufferWriter<byte> _out = new(MaxLine);

    public JsonFileLog(LogTarget target)
    {
        _attributes = target.Attributes is { Count: > 0 } attributes ? [.. ",\"attrs\":"u8, .. JsonSerializer.SerializeToUtf8Bytes(attributes, RecordJson.Default.DictionaryStringString)] : [];
        _files = new LogFiles(target.Path!, target.MaxSize, target.MaxFile, target.Compress);
    }

    /// <summary>Takes what a stream (0 stdout, 1 stderr) gave in one read; whole lines are in the file when this returns.</summary>
    public override void Write(int stream, ReadOnlySpan<byte> data)
    {
        Span<byte> time = stackalloc byte[40];
        time = time[..FormatTime(DateTimeOffset.UtcNow, time)];
        while (data.Length > 0)
        {
            int end = data.IndexOf((byte)'\n');
            int room = MaxLine - _partialLength[stream];
            int take = end >= 0 && end + 1 <= room ? end + 1 : Math.Min(room, data.Length);
            bool complete = end >= 0 && take == end + 1;
            if (!complete && take < room)
            {
                Keep(stream, data);
                break;
            }
            if (_partialLength[stream] > 0)
            {
                Keep(stream, data[..take]);
                Entry(stream, _partial[stream].AsSpan(0, _partialLength[stream]), time);
                Release(stream);
            }
            else Entry(stream, data[..take], time);
            data = data[take..];
        }
        Flush();
    }

    /// <summary>Writes what a stream left without a line end. Called once both streams have ended.</summary>
    public override void Finish()
    {
        Span<byte> time = stackalloc byte[40];
        time = time[..FormatTime(DateTimeOffset.UtcNow, time)];
        for (int stream = 0; stream < 2; stream++)
        {
            if (_partialLength[stream] == 0) continue;
            Entry(stream, _partial[stream].AsSpan(0, _partialLength[stream]), time);
            Release(stream);
        }
        Flush();
    }

    private void Keep(int stream, ReadOnlySpan<byte> data)
    {
        var partial = _partial[stream] ??= ArrayPool<byte>.Shared.Rent(MaxLine);
        data.CopyTo(partial.AsSpan(_partialLength[stream]));
        _partialLength[stream] += data.Length;
    }

    private void Release(int stream)
    {
        ArrayPool<byte>.Shared.Return(_partial[stream]!);
        _partial[stream] = null;
        _partialLength[stream] = 0;
    }

    private void Entry(int stream, ReadOnlySpan<byte> line, ReadOnlySpan<byte> time)
    {
        _out.Write("{\"log\":\""u8);
        Escape(line);
        _out.Write(stream == 0 ? "\",\"stream\":\"stdout\""u8 : "\",\"stream\":\"stderr\""u8);
        _out.Write(_attributes);
        _out.Write(",\"time\":\""u8);
        _out.Write(time);
        _out.Write("\"}\n"u8);
        if (_out.WrittenCount >= 256 << 10 || _files.WouldFill(_out.WrittenCount)) Flush();
    }

    /// <summary>A JSON string as docker writes it: control characters and &lt; &gt; &amp; escaped, bytes that are no UTF-8 replaced.</summary>
    private void Escape(ReadOnlySpan<byte> text)
    {
        while (text.Length > 0)
        {
            int plain = text.IndexOfAnyExcept(Plain);
            if (plain < 0) plain = text.Length;
            if (plain > 0)
            {
                _out.Write(text[..plain]);
                text = text[plain..];
                continue;
            }
            byte first = text[0];
            if (first < 0x80)
            {
                EscapeAscii(first);
                text = text[1..];
                continue;
            }
            var status = Rune.DecodeFromUtf8(text, out var rune, out int length);
            if (status != OperationStatus.Done) _out.Write("\\ufffd"u8);
            else if (rune.Value is 0x2028 or 0x2029) _out.Write(rune.Value == 0x2028 ? "\\u2028"u8 : "\\u2029"u8);
            else _out.Write(text[..length]);
            text = text[(status == OperationStatus.Done ? length : 1)..];
        }
    }

    private void EscapeAscii(byte value)
    {
        switch (value)
        {
            case (byte)'\n': _out.Write("\\n"u8); break;
            case (byte)'\r': _out.Write("\\r"u8); break;
            case (byte)'"': _out.Write("\\\""u8); break;
            case (byte)'\\': _out.Write("\\\\"u8); break;
            default:
                var hex = "0123456789abcdef"u8;
                _out.Write([(byte)'\\', (byte)'u', (byte)'0', (byte)'0', hex[value >> 4], hex[value & 15]]);
                break;
        }
    }

    /// <summary>RFC 3339 with nanoseconds, trailing zeros left out, as Go prints it.</summary>
    public static int FormatTime(DateTimeOffset time, Span<byte> text)
    {
        time.UtcDateTime.TryFormat(text, out int length, "yyyy-MM-ddTHH:mm:ss.fffffff", CultureInfo.InvariantCulture);
        while (text[length - 1] == '0') length--;
        if (text[length - 1] == '.') length--;
        text[length++] = (byte)'Z';
        return length;
    }

    private void Flush()
    {
        if (_out.WrittenCount == 0) return;
        _files.Append(_out.WrittenSpan);
        _out.ResetWrittenCount();
    }

    public override void Dispose() => _files.Dispose();
}
