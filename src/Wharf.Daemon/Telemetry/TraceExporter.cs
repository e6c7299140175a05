using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Wharf.Daemon.Telemetry;

/// <summary>
/// Sends a span for each request to an OpenTelemetry collector: OTLP over HTTP with JSON (the OpenTelemetry protocol specification).
/// A caller's <c>traceparent</c> (W3C Trace Context) makes the span a child of its own. When the collector is slow or away, spans
/// are dropped, never requests held up.
/// </summary>
public sealed class TraceExporter : IAsyncDisposable
{
    private const int Waiting = 4096, Batch = 256;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly record struct Span(string TraceId, string SpanId, string? ParentId, string Name, DateTimeOffset Start, TimeSpan Duration, string Method, string Path, int Status);

    private readonly Channel<Span> _spans = Channel.CreateBounded<Span>(new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private readonly HttpClient _http;
    private readonly ILogger _log;
    private readonly Task _sending;

    public TraceExporter(string endpoint, ILogger log)
    {
        _log = log;
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(endpoint.TrimEnd('/') + "/"), Timeout = TimeSpan.FromSeconds(10) };
        _sending = SendAllAsync();
    }

    /// <summary>Notes a request that is over.</summary>
    public void Add(string? traceParent, string method, string path, int status, DateTimeOffset start, TimeSpan duration)
    {
        var (trace, parent) = Parse(traceParent);
        _spans.Writer.TryWrite(new Span(trace ?? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)), parent, $"{method} {path}", start, duration, method, path, status));
    }

    /// <summary><c>00-TRACE-PARENT-FLAGS</c>; nothing when it is absent or malformed.</summary>
    internal static (string? Trace, string? Parent) Parse(string? header)
    {
        var parts = (header ?? "").Split('-');
        return parts.Length >= 4 && parts[1].Length == 32 && parts[2].Length == 16 && IsHex(parts[1]) && IsHex(parts[2]) ? (parts[1], parts[2]) : (null, null);
    }

    private static bool IsHex(string text) => text.AsSpan().IndexOfAnyExcept(SearchValues.Create("0123456789abcdef")) < 0;

    private async Task SendAllAsync()
    {
        while (await _spans.Reader.WaitToReadAsync())
        {
            if (!_spans.Reader.Completion.IsCompleted) await Task.WhenAny(_spans.Reader.Completion, Task.Delay(Interval));
            var batch = new List<Span>();
            while (batch.Count < Batch && _spans.Reader.TryRead(out var span)) batch.Add(span);
            if (batch.Count == 0) continue;
            try
            {
                using var content = new ByteArrayContent(Write(batch));
                content.Headers.ContentType = new("application/json");
                using var response = await _http.PostAsync("v1/traces", content);
                response.EnsureSuccessStatusCode();
            }
            catch (Exception error) when (error is HttpRequestException or OperationCanceledException)
            {
                _log.TracesLost(batch.Count, error.Message);
            }
        }
    }

    private static byte[] Write(List<Span> spans)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("resourceSpans");
            json.WriteStartObject();
            json.WriteStartObject("resource");
            json.WriteStartArray("attributes");
            Attribute(json, "service.name", "wharf");
            Attribute(json, "service.version", DaemonVersion.Product);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteStartArray("scopeSpans");
            json.WriteStartObject();
            json.WriteStartObject("scope");
            json.WriteString("name", "wharf.api");
            json.WriteEndObject();
            json.WriteStartArray("spans");
            foreach (var span in spans) Write(json, span);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter json, Span span)
    {
        const int Server = 2, StatusError = 2;
        json.WriteStartObject();
        json.WriteString("traceId", span.TraceId);
        json.WriteString("spanId", span.SpanId);
        if (span.ParentId is not null) json.WriteString("parentSpanId", span.ParentId);
        json.WriteString("name", span.Name);
        json.WriteNumber("kind", Server);
        json.WriteString("startTimeUnixNano", Nanoseconds(span.Start));
        json.WriteString("endTimeUnixNano", Nanoseconds(span.Start + span.Duration));
        json.WriteStartArray("attributes");
        Attribute(json, "http.request.method", span.Method);
        Attribute(json, "url.path", span.Path);
        Attribute(json, "http.response.status_code", span.Status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        json.WriteEndArray();
        if (span.Status >= 500)
        {
            json.WriteStartObject("status");
            json.WriteNumber("code", StatusError);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static string Nanoseconds(DateTimeOffset time) => ((time - DateTimeOffset.UnixEpoch).Ticks * 100).ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static void Attribute(Utf8JsonWriter json, string key, string value)
    {
        json.WriteStartObject();
        json.WriteString("key", key);
        json.WriteStartObject("value");
        json.WriteString("stringValue", value);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Sends what is left, for a moment.</summary>
    public async ValueTask DisposeAsync()
    {
        _spans.Writer.TryComplete();
        await Task.WhenAny(_sending, Task.Delay(TimeSpan.FromSeconds(2)));
        _http.Dispose();
    }
}
