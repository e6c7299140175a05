using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>fluentd's forward protocol in message mode: msgpack [tag, time, record], or with an acknowledged chunk ID.</summary>
internal sealed class FluentdSender : ILogSender
{
    private readonly LogConnection _connection;
    private readonly LogSource _source;
    private readonly Dictionary<string, string> _extra;
    private readonly bool _async, _subSeconds, _acknowledge;
    private readonly int _retries;
    private readonly TimeSpan _wait;
    private readonly ArrayBufferWriter<byte> _message = new(1024);

    public FluentdSender(LogTarget target)
    {
        var options = target.Options ?? [];
        (_source, _extra) = (target.Source ?? new LogSource(), target.Attributes ?? []);
        var address = LogAddress.Parse(options.GetValueOrDefault("fluentd-address") is { Length: > 0 } given ? given : "tcp://127.0.0.1:24224", 24224);
        _connection = new LogConnection(address, address.Scheme == "tls" ? new LogTls(null, null, null, false) : null, Milliseconds(options, "fluentd-write-timeout-ms", 30_000));
        _async = options.IsOn("fluentd-async");
        _subSeconds = options.IsOn("fluentd-sub-second-precision");
        _acknowledge = options.IsOn("fluentd-request-ack");
        _retries = options.TryGetValue("fluentd-max-retries", out var retries) && int.TryParse(retries, CultureInfo.InvariantCulture, out int most) ? most : int.MaxValue;
        _wait = Milliseconds(options, "fluentd-retry-wait-ms", 1000);
    }

    private static TimeSpan Milliseconds(Dictionary<string, string> options, string name, int otherwise) =>
        TimeSpan.FromMilliseconds(options.TryGetValue(name, out var text) && double.TryParse(text, CultureInfo.InvariantCulture, out double value) ? value : otherwise);

    public void Connect()
    {
        try { _connection.Open(); }
        catch (IOException) when (_async) { /* asked for: the lines wait until it is there */ }
    }

    public void Send(LogLine line)
    {
        var chunk = _acknowledge ? Convert.ToBase64String(Guid.NewGuid().ToByteArray()) : null;
        Format(line, chunk);
        var wait = _wait;
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                if (!_connection.IsOpen) _connection.Open();
                _connection.Send(_message.WrittenSpan);
                if (chunk is not null) RequireAcknowledged(chunk);
                return;
            }
            catch (IOException) when (attempt < _retries)
            {
                Thread.Sleep(wait);
                wait = TimeSpan.FromMilliseconds(Math.Min(wait.TotalMilliseconds * 1.5, 60_000));
            }
        }
    }

    private void RequireAcknowledged(string chunk)
    {
        // {"ack": chunk}: its length is known, and nothing else ever comes.
        Span<byte> answer = stackalloc byte[64];
        int filled = 0, expected = 6 + chunk.Length;
        while (filled < expected)
        {
            int count = _connection.Receive(answer[filled..]);
            if (count == 0) throw new IOException("fluentd closed the connection without an acknowledgement");
            filled += count;
        }
        if (answer[..filled].IndexOf(Encoding.ASCII.GetBytes(chunk)) >= 0) return;
        _connection.Close();
        throw new IOException("fluentd acknowledged another message");
    }

    internal ReadOnlyMemory<byte> Format(LogLine line, string? chunk)
    {
        _message.ResetWrittenCount();
        Byte((byte)(0x90 | (chunk is null ? 3 : 4)));
        Text(_source.Tag);
        Time(line.Time);
        var record = new List<(string Key, string? Value)>
        {
            ("container_id", _source.ContainerId), ("container_name", "/" + _source.ContainerName), ("source", line.Stream == 0 ? "stdout" : "stderr"), ("log", null),
        };
        foreach (var (key, value) in _extra) if (key != "tag") record.Add((key, value));
        if (line.Part is { } part)
            record.AddRange([("partial_message", "true"), ("partial_id", part.Id), ("partial_ordinal", part.Ordinal.ToString(CultureInfo.InvariantCulture)), ("partial_last", part.Last ? "true" : "false")]);
        Head(0x80, 0xde, record.Count);
        foreach (var (key, value) in record)
        {
            Text(key);
            if (value is null) Bytes(line.Text);
            else Text(value);
        }
        if (chunk is not null)
        {
            Byte(0x81);
            Text("chunk");
            Text(chunk);
        }
        return _message.WrittenMemory;
    }

    private void Time(DateTimeOffset time)
    {
        long ticks = (time - DateTimeOffset.UnixEpoch).Ticks;
        var span = _message.GetSpan(10);
        if (_subSeconds)
        {
            // EventTime: extension type 0 of seconds and nanoseconds.
            (span[0], span[1]) = (0xd7, 0);
            BinaryPrimitives.WriteUInt32BigEndian(span[2..], (uint)(ticks / TimeSpan.TicksPerSecond));
            BinaryPrimitives.WriteUInt32BigEndian(span[6..], (uint)(ticks % TimeSpan.TicksPerSecond * 100));
            _message.Advance(10);
            return;
        }
        span[0] = 0xce;
        BinaryPrimitives.WriteUInt32BigEndian(span[1..], (uint)(ticks / TimeSpan.TicksPerSecond));
        _message.Advance(5);
    }

    private void Text(string text) => Bytes(Encoding.UTF8.GetBytes(text));

    private void Bytes(ReadOnlySpan<byte> text)
    {
        var span = _message.GetSpan(5);
        if (text.Length < 32) { span[0] = (byte)(0xa0 | text.Length); _message.Advance(1); }
        else if (text.Length < 256) { (span[0], span[1]) = (0xd9, (byte)text.Length); _message.Advance(2); }
        else { span[0] = 0xda; BinaryPrimitives.WriteUInt16BigEndian(span[1..], (ushort)text.Length); _message.Advance(3); }
        _message.Write(text);
    }

    private void Head(byte small, byte large, int count)
    {
        if (count < 16) { Byte((byte)(small | count)); return; }
        var span = _message.GetSpan(3);
        span[0] = large;
        BinaryPrimitives.WriteUInt16BigEndian(span[1..], (ushort)count);
        _message.Advance(3);
    }

    private void Byte(byte value)
    {
        _message.GetSpan(1)[0] = value;
        _message.Advance(1);
    }

    public void Dispose() => _connection.Dispose();
}
