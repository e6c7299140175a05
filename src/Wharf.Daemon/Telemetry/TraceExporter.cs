using System.Buffers;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Wharf.Daemon.Telemetry;

/// <summary>A span for each request of the Engine API. A caller's <c>traceparent</c> (W3C Trace Context) makes the span a child of its own.</summary>
public sealed class TraceExporter : IAsyncDisposable
{
    private const int Waiting = 4096, Batch = 256;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly SpanExporter _exporter;

    public TraceExporter(string endpoint, ILogger log)
    {
        var origin = new SpanOrigin("wharf.api", [new("service.name", "wharf"), new("service.version", DaemonVersion.Product)]);
        _exporter = new SpanExporter(new SpanTarget(new Uri(endpoint.TrimEnd('/') + "/v1/traces"), origin) { Waiting = Waiting, Batch = Batch, Patience = Patience }, log.TracesLost);
    }

    /// <summary>Notes a request that is over.</summary>
    public void Add(string? traceParent, string method, string path, int status, DateTimeOffset start, TimeSpan duration)
    {
        var (trace, parent) = Parse(traceParent);
        _exporter.Add(new Span(trace ?? SpanExporter.NewTraceId(), SpanExporter.NewSpanId(), parent, $"{method} {path}", start, duration, status,
            [new("http.request.method", method), new("url.path", path), new("http.response.status_code", status.ToString(CultureInfo.InvariantCulture))]));
    }

    /// <summary><c>00-TRACE-PARENT-FLAGS</c>; nothing when it is absent or malformed.</summary>
    internal static (string? Trace, string? Parent) Parse(string? header)
    {
        var parts = (header ?? "").Split('-');
        return parts.Length >= 4 && parts[1].Length == 32 && parts[2].Length == 16 && IsHex(parts[1]) && IsHex(parts[2]) ? (parts[1], parts[2]) : (null, null);
    }

    private static bool IsHex(string text) => text.AsSpan().IndexOfAnyExcept(SearchValues.Create("0123456789abcdef")) < 0;

    /// <summary>Sends what is left, for a moment.</summary>
    public ValueTask DisposeAsync() => _exporter.DisposeAsync();
}
