using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>Splunk's HTTP Event Collector: events as JSON texts one behind another, many in a request.</summary>
internal sealed class SplunkSender : ILogSender
{
    private const string Path = "/services/collector/event/1.0";
    private const int Most = 1000, MostBytes = 1 << 20;

    private readonly LogHttp _http;
    private readonly LogSource _source;
    private readonly Dictionary<string, string> _extra;
    private readonly Uri _url;
    private readonly string _token, _format, _channel = Guid.NewGuid().ToString();
    private readonly string? _index, _eventSource, _sourceType;
    private readonly bool _verify, _gzip, _acknowledge;
    private readonly CompressionLevel _level;
    private readonly ArrayBufferWriter<byte> _batch = new(4096);
    private int _count;

    public SplunkSender(LogTarget target)
    {
        var options = target.Options ?? [];
        _source = target.Source ?? new LogSource();
        _extra = (target.Attributes ?? []).Where(pair => pair.Key != "tag").ToDictionary();
        _url = new Uri(new Uri(options.GetValueOrDefault("splunk-url") ?? ""), Path);
        _token = options.GetValueOrDefault("splunk-token") ?? "";
        (_index, _eventSource, _sourceType) = (options.GetValueOrDefault("splunk-index"), options.GetValueOrDefault("splunk-source"), options.GetValueOrDefault("splunk-sourcetype"));
        _format = options.GetValueOrDefault("splunk-format") is { Length: > 0 } format ? format : "inline";
        _verify = options.IsOn("splunk-verify-connection", otherwise: true);
        _gzip = options.IsOn("splunk-gzip");
        _level = options.GetValueOrDefault("splunk-gzip-level") switch { "0" => CompressionLevel.NoCompression, "1" or "2" or "3" => CompressionLevel.Fastest, "7" or "8" or "9" => CompressionLevel.SmallestSize, _ => CompressionLevel.Optimal };
        _acknowledge = options.IsOn("splunk-index-acknowledgment");
        _http = new LogHttp(options.GetValueOrDefault("splunk-capath"), options.GetValueOrDefault("splunk-caname"), options.IsOn("splunk-insecureskipverify"));
    }

    public TimeSpan? Linger => TimeSpan.FromSeconds(5);

    public void Connect()
    {
        if (!_verify) return;
        var answer = _http.Send(() => new HttpRequestMessage(HttpMethod.Options, _url), retry: false);
        if (!answer.IsGood) throw new IOException($"splunk: failed to verify connection - {answer.Status} - {answer.Text}");
    }

    public void Send(LogLine line)
    {
        // The collector refuses an event without a text.
        if (_format == "raw" && Encoding.UTF8.GetString(line.Text).AsSpan().Trim().Length == 0) return;
        Format(line, _batch);
        if (++_count >= Most || _batch.WrittenCount >= MostBytes) Flush();
    }

    internal void Format(LogLine line, IBufferWriter<byte> output)
    {
        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        if (_format == "raw")
        {
            var head = string.Concat(((string[])[_source.Tag, .. _extra.Select(pair => $"{pair.Key}={pair.Value}")]).Where(part => part.Length > 0).Select(part => part + " "));
            writer.WriteString("event"u8, head + Encoding.UTF8.GetString(line.Text));
        }
        else WriteEvent(writer, line);
        writer.WriteString("time"u8, ((line.Time - DateTimeOffset.UnixEpoch).Ticks / 10_000_000m).ToString("0.000000", CultureInfo.InvariantCulture));
        writer.WriteString("host"u8, _source.Hostname);
        if (_eventSource is { Length: > 0 }) writer.WriteString("source"u8, _eventSource);
        if (_sourceType is { Length: > 0 }) writer.WriteString("sourcetype"u8, _sourceType);
        if (_index is { Length: > 0 }) writer.WriteString("index"u8, _index);
        writer.WriteEndObject();
    }

    private void WriteEvent(Utf8JsonWriter writer, LogLine line)
    {
        writer.WriteStartObject("event"u8);
        writer.WritePropertyName("line"u8);
        if (_format == "json" && IsJson(line.Text)) writer.WriteRawValue(line.Text);
        else writer.WriteStringValue(Encoding.UTF8.GetString(line.Text));
        writer.WriteString("source"u8, line.Stream == 0 ? "stdout" : "stderr");
        if (_source.Tag.Length > 0) writer.WriteString("tag"u8, _source.Tag);
        if (_extra.Count > 0)
        {
            writer.WriteStartObject("attrs"u8);
            foreach (var (key, value) in _extra) writer.WriteString(key, value);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static bool IsJson(byte[] text)
    {
        var reader = new Utf8JsonReader(text);
        try { return reader.Read() && reader.TrySkip() && !reader.Read(); }
        catch (JsonException) { return false; }
    }

    public void Flush()
    {
        if (_count == 0) return;
        int count = _count;
        var body = Body(_batch.WrittenSpan);
        _batch.ResetWrittenCount();
        _count = 0;
        var answer = _http.Send(() => Request(body));
        if (!answer.IsGood) throw new IOException($"{count} lines were not taken: {answer.Status} - {answer.Text}");
    }

    private byte[] Body(ReadOnlySpan<byte> events)
    {
        if (!_gzip) return events.ToArray();
        using var target = new MemoryStream();
        using (var stream = new GZipStream(target, _level, leaveOpen: true)) stream.Write(events);
        return target.ToArray();
    }

    private HttpRequestMessage Request(byte[] body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = LogHttp.Json(body) };
        request.Headers.TryAddWithoutValidation("Authorization", "Splunk " + _token);
        if (_gzip) request.Content.Headers.ContentEncoding.Add("gzip");
        if (_acknowledge) request.Headers.TryAddWithoutValidation("X-Splunk-Request-Channel", _channel);
        return request;
    }

    public void Dispose() => _http.Dispose();
}
