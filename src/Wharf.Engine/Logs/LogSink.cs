using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Wharf.Engine.Logs;

/// <summary>Chooses entries, gives them docker's stream form, and collects them to large writes.</summary>
internal sealed class LogSink(LogQuery query, Stream output)
{
    private const int Full = 128 << 10;

    private readonly JsonLogParser _parser = new();
    private readonly ArrayBufferWriter<byte> _out = new(Full + 65536);
    private readonly Queue<byte[]> _last = new();
    private int? _lastCount;

    /// <summary>True once an entry at or behind <see cref="LogQuery.Until"/> was met.</summary>
    public bool PastUntil { get; private set; }

    /// <summary>From now on only the last <paramref name="count"/> entries are kept, until <see cref="ReleaseLast"/>.</summary>
    public LogSink Last(int count)
    {
        _lastCount = count;
        return this;
    }

    public void ReleaseLast()
    {
        foreach (var line in _last) Emit(line);
        _last.Clear();
        _lastCount = null;
    }

    /// <summary>Takes all whole entries; returns how many bytes they are.</summary>
    public int Take(ReadOnlySpan<byte> data)
    {
        int taken = 0;
        while (query.Format == LogFormat.Local && !PastUntil)
        {
            int length = LocalLogParser.NextFrame(data[taken..], out int skipped);
            taken += skipped;
            if (length == 0) return taken;
            Choose(data.Slice(taken + 4, length - 8));
            taken += length;
        }
        while (!PastUntil)
        {
            int end = data[taken..].IndexOf((byte)'\n');
            if (end < 0) break;
            var line = data.Slice(taken, end);
            taken += end + 1;
            Choose(line);
        }
        return taken;
    }

    private void Choose(ReadOnlySpan<byte> entry)
    {
        if (_lastCount is { } count)
        {
            _last.Enqueue(entry.ToArray());
            if (_last.Count > count) _last.Dequeue();
        }
        else Emit(entry);
    }

    private void Emit(ReadOnlySpan<byte> line)
    {
        bool local = query.Format == LogFormat.Local;
        // One that was torn by a power cut is passed over: nothing of it can be shown.
        LogEntry entry;
        if (!(query.Format switch { LogFormat.Local => LocalLogParser.TryParse(line, out entry), LogFormat.K8sFile => K8sLogParser.TryParse(line, out entry), _ => _parser.TryParse(line, out entry) })) return;
        if (query.Since is not null || query.Until is not null)
        {
            long time = local ? entry.Nanoseconds : JsonLogParser.Nanoseconds(entry.Time);
            if (time < query.Since) return;
            if (time > query.Until)
            {
                PastUntil = true;
                return;
            }
        }
        if (entry.Stream == 1 ? !query.Stdout : !query.Stderr) return;
        int head = 0;
        if (query.Multiplexed)
        {
            head = _out.WrittenCount;
            ReadOnlySpan<byte> frame = [(byte)entry.Stream, 0, 0, 0, 0, 0, 0, 0];
            _out.Write(frame);
        }
        int start = _out.WrittenCount;
        if (query.Timestamps && local) WriteTime(entry.Nanoseconds);
        else if (query.Timestamps) WriteTime(entry.Time);
        if (query.Details) WriteDetails(entry);
        _out.Write(entry.Text);
        if (entry.EndsLine) _out.Write("\n"u8);
        if (query.Multiplexed) PatchLength(head, _out.WrittenCount - start);
    }

    // Times are shown with all nine decimals, so that they line up (RFC3339NanoFixed).
    private void WriteTime(ReadOnlySpan<byte> time)
    {
        Span<byte> text = stackalloc byte[31];
        int dot = time.IndexOf((byte)'.');
        int digits = dot < 0 ? 0 : Math.Min(9, time.Length - dot - 2);
        if (time.Length < 20 || time[^1] != 'Z')
        {
            _out.Write(time);
            _out.Write(" "u8);
            return;
        }
        time[..19].CopyTo(text);
        text[19] = (byte)'.';
        text[20..29].Fill((byte)'0');
        if (digits > 0) time.Slice(dot + 1, digits).CopyTo(text[20..]);
        text[29] = (byte)'Z';
        text[30] = (byte)' ';
        _out.Write(text);
    }

    private void WriteTime(long nanoseconds)
    {
        var time = DateTimeOffset.UnixEpoch.AddTicks(nanoseconds / 100).UtcDateTime;
        Span<byte> text = stackalloc byte[31];
        time.TryFormat(text, out int length, "yyyy-MM-ddTHH:mm:ss.fffffff", System.Globalization.CultureInfo.InvariantCulture);
        text[length++] = (byte)('0' + nanoseconds / 10 % 10);
        text[length++] = (byte)('0' + nanoseconds % 10);
        text[length++] = (byte)'Z';
        text[length++] = (byte)' ';
        _out.Write(text[..length]);
    }

    private void WriteDetails(in LogEntry entry)
    {
        var attributes = LocalLogParser.Attributes(entry.AttributeFields);
        if (entry.Attributes.Length > 0)
        {
            using var document = JsonDocument.Parse(entry.Attributes.ToArray());
            foreach (var pair in document.RootElement.EnumerateObject()) attributes[pair.Name] = pair.Value.ToString();
        }
        _out.Write(Encoding.UTF8.GetBytes(string.Join(',', attributes.OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => $"{Uri.EscapeDataString(pair.Key)}={Uri.EscapeDataString(pair.Value)}"))));
        _out.Write(" "u8);
    }

    private void PatchLength(int head, int length)
    {
        // The writer hands out its buffer read-only; the bytes are its own and were just written.
        var written = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_out.WrittenMemory).Span;
        BinaryPrimitives.WriteInt32BigEndian(written[(head + 4)..], length);
    }

    public Task FlushIfFullAsync(CancellationToken cancellation) => _out.WrittenCount >= Full ? FlushAsync(cancellation) : Task.CompletedTask;

    public async Task FlushAsync(CancellationToken cancellation)
    {
        if (_out.WrittenCount == 0) return;
        await output.WriteAsync(_out.WrittenMemory, cancellation);
        _out.ResetWrittenCount();
        await output.FlushAsync(cancellation);
    }
}
