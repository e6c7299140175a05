using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Telemetry;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Observing;

/// <summary>A span for each request of the registry. Goes on with the trace of a client that sends <c>traceparent</c> (W3C Trace Context).</summary>
public sealed class Tracer : IAsyncDisposable
{
    private const int MaxQueued = 8192, MaxBatch = 512;

    private readonly TracesConfig _config;
    private readonly SpanExporter _exporter;

    public Tracer(TracesConfig config, ILogger log)
    {
        if (!Uri.TryCreate(config.Endpoint.TrimEnd('/') + "/v1/traces", UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")) throw WharfException.Invalid($"traces.endpoint: \"{config.Endpoint}\" is no http or https URL");
        if (config.Sample is not (>= 0 and <= 1)) throw WharfException.Invalid("traces.sample: expected a number from 0 to 1");
        _config = config;
        var origin = new SpanOrigin("wharf.registry", [new("service.name", config.Service), new("host.name", Environment.MachineName)]);
        _exporter = new SpanExporter(new SpanTarget(url, origin) { Headers = config.Headers, Waiting = MaxQueued, Batch = MaxBatch }, (count, reason) => log.SpansLost(count, url.ToString(), reason));
    }

    /// <summary>Notes an answered request, if its trace is one of those that are kept.</summary>
    public void Record(HttpContext http, string what, string? repository, string? user, DateTimeOffset start, TimeSpan took)
    {
        var parent = Parent(http.Request.Headers.TraceParent.ToString());
        if (parent is { Sampled: false } || parent is null && Random.Shared.NextDouble() >= _config.Sample) return;
        var agent = http.Request.Headers.UserAgent.ToString();
        var path = http.Request.Path.ToString();
        int status = http.Response.StatusCode;
        _exporter.Add(new Span(parent?.TraceId ?? SpanExporter.NewTraceId(), SpanExporter.NewSpanId(), parent?.SpanId, $"{http.Request.Method} {what}", start, took, status,
        [
            new("http.request.method", http.Request.Method), new("url.path", path.Length <= 512 ? path : path[..512]),
            new("http.response.status_code", status.ToString(CultureInfo.InvariantCulture), IsNumber: true), new("oci.repository", repository), new("enduser.id", user),
            new("client.address", http.Connection.RemoteIpAddress?.ToString()), new("user_agent.original", agent.Length <= 256 ? agent : agent[..256]),
        ]));
    }

    /// <summary>Reads <c>00-TRACE-SPAN-FLAGS</c>; null for anything else.</summary>
    private static (string TraceId, string SpanId, bool Sampled)? Parent(string header)
    {
        var parts = header.Split('-');
        if (parts is not ["00", { Length: 32 } trace, { Length: 16 } span, { Length: 2 } flags] || !(trace + span + flags).All(char.IsAsciiHexDigitLower) || trace.All(digit => digit == '0') || span.All(digit => digit == '0')) return null;
        return (trace, span, (int.Parse(flags, NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 1) != 0);
    }

    public ValueTask DisposeAsync() => _exporter.DisposeAsync();
}
