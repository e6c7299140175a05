using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Config;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Observing;

/// <summary>
/// Sends a span for each request to an OpenTelemetry collector (OTLP over HTTP, in JSON). Goes on with the trace of a client that sends <c>traceparent</c> (W3C Trace
/// Context). A collector that is slow or away costs spans, never requests.
/// </summary>
public sealed class Tracer : IAsyncDisposable
{
    private const int MaxQueued = 8192, MaxBatch = 512;
    private static readonly TimeSpan Gather = TimeSpan.FromSeconds(1);

    private sealed record Span(string TraceId, string SpanId, string? ParentId, string Name, DateTimeOffset Start, TimeSpan Took, string Method, string Path, int Status, string? Repository, string? User, string? Address, string? Agent);

    private readonly Uri _url;
    private readonly TracesConfig _config;
    private readonly ILogger _log;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(5) }) { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Channel<Span> _spans = Channel.CreateBounded<Span>(new BoundedChannelOptions(MaxQueued) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Task _worker;

    public Tracer(TracesConfig config, ILogger log)
    {
        if (!Uri.TryCreate(config.Endpoint.TrimEnd('/') + "/v1/traces", UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")) throw WharfException.Invalid($"traces.endpoint: \"{config.Endpoint}\" is no http or https URL");
        if (config.Sample is not (>= 0 and <= 1)) throw WharfException.Invalid("traces.sample: expected a number from 0 to 1");
        (_url, _config, _log) = (url, config, log);
        _worker = Task.Run(WorkAsync);
    }

    /// <summary>Notes an answered request, if its trace is one of those that are kept.</summary>
    public void Record(HttpContext http, string what, string? repository, string? user, DateTimeOffset start, TimeSpan took)
    {
        var parent = Parent(http.Request.Headers.TraceParent.ToString());
        if (parent is { Sampled: false } || parent is null && Random.Shared.NextDouble() >= _config.Sample) return;
        var agent = http.Request.Headers.UserAgent.ToString();
        var path = http.Request.Path.ToString();
        _spans.Writer.TryWrite(new Span(parent?.TraceId ?? Hex(16), Hex(8), parent?.SpanId, $"{http.Request.Method} {what}", start, took, http.Request.Method, path.Length <= 512 ? path : path[..512], http.Response.StatusCode,
            repository, user, http.Connection.RemoteIpAddress?.ToString(), agent.Length <= 256 ? agent : agent[..256]));
    }

    private static string Hex(int bytes) => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(bytes));

    /// <summary>Reads <c>00-TRACE-SPAN-FLAGS</c>; null for anything else.</summary>
    private static (string TraceId, string SpanId, bool Sampled)? Parent(string header)
    {
        var parts = header.Split('-');
        if (parts is not ["00", { Length: 32 } trace, { Length: 16 } span, { Length: 2 } flags] || !(trace + span + flags).All(char.IsAsciiHexDigitLower) || trace.All(digit => digit == '0') || span.All(digit => digit == '0')) return null;
        return (trace, span, (int.Parse(flags, NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 1) != 0);
    }

    private async Task WorkAsync()
    {
        var batch = new List<Span>();
        while (await _spans.Reader.WaitToReadAsync())
        {
            // A little later there are more; when it ends, at once.
            await Task.WhenAny(Task.Delay(Gather), _spans.Reader.Completion);
            batch.Clear();
            while (batch.Count < MaxBatch && _spans.Reader.TryRead(out var span)) batch.Add(span);
            await SendAsync(batch);
        }
    }

    private async Task SendAsync(List<Span> spans)
    {
        using var content = new ByteArrayContent(Encode(spans)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = content };
        foreach (var (name, value) in _config.Headers) request.Headers.TryAddWithoutValidation(name, value);
        try
        {
            using var response = await _http.SendAsync(request);
            if (!response.IsSuccessStatusCode) _log.SpansLost(spans.Count, _url.ToString(), $"status {(int)response.StatusCode}");
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException) { _log.SpansLost(spans.Count, _url.ToString(), error.Message); }
    }

    private byte[] Encode(List<Span> spans)
    {
        using var memory = new MemoryStream();
        using (var writer = new Utf8JsonWriter(memory))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("resourceSpans");
            writer.WriteStartObject();
            writer.WriteStartObject("resource");
            writer.WriteStartArray("attributes");
            Attribute(writer, "service.name", _config.Service);
            Attribute(writer, "host.name", Environment.MachineName);
            writer.WriteEndArray();
            writer.WriteEndObject();
            writer.WriteStartArray("scopeSpans");
            writer.WriteStartObject();
            writer.WriteStartObject("scope");
            writer.WriteString("name", "wharf.registry");
            writer.WriteEndObject();
            writer.WriteStartArray("spans");
            foreach (var span in spans) Write(writer, span);
            writer.WriteEndArray();
            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return memory.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, Span span)
    {
        const int server = 2, error = 2;
        writer.WriteStartObject();
        writer.WriteString("traceId", span.TraceId);
        writer.WriteString("spanId", span.SpanId);
        if (span.ParentId is not null) writer.WriteString("parentSpanId", span.ParentId);
        writer.WriteString("name", span.Name);
        writer.WriteNumber("kind", server);
        writer.WriteString("startTimeUnixNano", Nanoseconds(span.Start));
        writer.WriteString("endTimeUnixNano", Nanoseconds(span.Start + span.Took));
        writer.WriteStartArray("attributes");
        Attribute(writer, "http.request.method", span.Method);
        Attribute(writer, "url.path", span.Path);
        Attribute(writer, "http.response.status_code", span.Status);
        Attribute(writer, "oci.repository", span.Repository);
        Attribute(writer, "enduser.id", span.User);
        Attribute(writer, "client.address", span.Address);
        Attribute(writer, "user_agent.original", span.Agent);
        writer.WriteEndArray();
        if (span.Status >= 500)
        {
            writer.WriteStartObject("status");
            writer.WriteNumber("code", error);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static string Nanoseconds(DateTimeOffset time) => ((time - DateTimeOffset.UnixEpoch).Ticks * 100).ToString(CultureInfo.InvariantCulture);

    private static void Attribute(Utf8JsonWriter writer, string key, string? value)
    {
        if (string.IsNullOrEmpty(value)) return;
        writer.WriteStartObject();
        writer.WriteString("key", key);
        writer.WriteStartObject("value");
        writer.WriteString("stringValue", value);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void Attribute(Utf8JsonWriter writer, string key, int value)
    {
        writer.WriteStartObject();
        writer.WriteString("key", key);
        writer.WriteStartObject("value");
        writer.WriteString("intValue", value.ToString(CultureInfo.InvariantCulture));
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    public async ValueTask DisposeAsync()
    {
        _spans.Writer.TryComplete();
        await _worker;
        _http.Dispose();
    }
}
