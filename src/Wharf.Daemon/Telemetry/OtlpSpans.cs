using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Wharf.Daemon.Telemetry;

/// <summary>An answered request as a span. Attributes without a value are not sent.</summary>
internal sealed record Span(string TraceId, string SpanId, string? ParentId, string Name, DateTimeOffset Start, TimeSpan Duration, int Status, IReadOnlyList<SpanAttribute> Attributes);

/// <summary>A name and its value, a text or, with <see cref="IsNumber"/>, an integer in decimal.</summary>
internal readonly record struct SpanAttribute(string Key, string? Value, bool IsNumber = false);

/// <summary>Who sends spans: the attributes of the process and the name of its instrumentation.</summary>
internal sealed record SpanOrigin(string Scope, IReadOnlyList<SpanAttribute> Resource);

/// <summary>Spans in OTLP's JSON form (the OpenTelemetry protocol specification, ExportTraceServiceRequest).</summary>
internal static class OtlpSpans
{
    private const int KindServer = 2, StatusError = 2;

    public static byte[] Encode(SpanOrigin origin, IReadOnlyList<Span> spans)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("resourceSpans");
            json.WriteStartObject();
            json.WriteStartObject("resource");
            Write(json, origin.Resource);
            json.WriteEndObject();
            json.WriteStartArray("scopeSpans");
            json.WriteStartObject();
            json.WriteStartObject("scope");
            json.WriteString("name", origin.Scope);
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
        json.WriteStartObject();
        json.WriteString("traceId", span.TraceId);
        json.WriteString("spanId", span.SpanId);
        if (span.ParentId is not null) json.WriteString("parentSpanId", span.ParentId);
        json.WriteString("name", span.Name);
        json.WriteNumber("kind", KindServer);
        json.WriteString("startTimeUnixNano", Nanoseconds(span.Start));
        json.WriteString("endTimeUnixNano", Nanoseconds(span.Start + span.Duration));
        Write(json, span.Attributes);
        if (span.Status >= 500)
        {
            json.WriteStartObject("status");
            json.WriteNumber("code", StatusError);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, IReadOnlyList<SpanAttribute> attributes)
    {
        json.WriteStartArray("attributes");
        foreach (var attribute in attributes)
        {
            if (attribute.Value is not { Length: > 0 } value) continue;
            json.WriteStartObject();
            json.WriteString("key", attribute.Key);
            json.WriteStartObject("value");
            json.WriteString(attribute.IsNumber ? "intValue" : "stringValue", value);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static string Nanoseconds(DateTimeOffset time) => ((time - DateTimeOffset.UnixEpoch).Ticks * 100).ToString(CultureInfo.InvariantCulture);
}
