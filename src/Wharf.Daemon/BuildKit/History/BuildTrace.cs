using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Wharf.BuildKit.Protocol.Controls;

namespace Wharf.Daemon.BuildKit.History;

/// <summary>
/// A build as spans, in the form in which BuildKit keeps them with a build's record and <c>buildx history trace</c> reads them: one JSON object a span, as OpenTelemetry's SDK for Go names its fields. The build is a
/// span, in the client's trace where it told of one, and each step is a span of it.
/// </summary>
internal static class BuildTrace
{
    public const string MediaType = "application/vnd.buildkit.otlp.json.v0";
    private const string Solve = "moby.buildkit.v1.Control/Solve", NoSpan = "0000000000000000", NoTrace = NoSpan + NoSpan;
    private const int KindInternal = 1, KindServer = 2, StatusUnset = 0, StatusError = 1;

    /// <param name="parent">The client's <c>traceparent</c> (W3C Trace Context); what is none counts as none.</param>
    /// <param name="error">What the build failed with; empty when it did not.</param>
    public static byte[] Encode(string? parent, DateTimeOffset started, DateTimeOffset completed, string error, IEnumerable<Vertex> vertexes)
    {
        var (trace, above) = ActivityContext.TryParse(parent, null, out var context) ? (context.TraceId.ToHexString(), context.SpanId.ToHexString()) : (NewId(16), NoSpan);
        var build = NewId(8);
        var buffer = new ArrayBufferWriter<byte>();
        Write(new Span(trace, build, above, Remote: above != NoSpan, Solve, KindServer, started, completed, ("rpc.method", Solve), error), buffer);
        foreach (var step in vertexes.Where(static vertex => vertex.Started is not null && vertex.Completed is not null))
            Write(new Span(trace, NewId(8), build, Remote: false, step.Name, KindInternal, Time(step.Started), Time(step.Completed), ("vertex", step.Digest), step.Error), buffer);
        return buffer.WrittenSpan.ToArray();
    }

    private sealed record Span(string Trace, string Id, string Parent, bool Remote, string Name, int Kind, DateTimeOffset Start, DateTimeOffset End, (string Key, string Value) Attribute, string Error);

    private static DateTimeOffset Time(Timestamp time) => time.ToDateTimeOffset();

    private static string NewId(int bytes) => RandomNumberGenerator.GetHexString(bytes * 2, lowercase: true);

    private static void Write(Span span, ArrayBufferWriter<byte> buffer)
    {
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("Name", span.Name);
            WriteContext(json, "SpanContext", span.Trace, span.Id, remote: false);
            WriteContext(json, "Parent", span.Parent == NoSpan ? NoTrace : span.Trace, span.Parent, span.Remote);
            json.WriteNumber("SpanKind", span.Kind);
            json.WriteString("StartTime", span.Start.UtcDateTime.ToString("o", CultureInfo.InvariantCulture));
            json.WriteString("EndTime", span.End.UtcDateTime.ToString("o", CultureInfo.InvariantCulture));
            WriteAttribute(json, "Attributes", span.Attribute);
            json.WriteNull("Events");
            json.WriteNull("Links");
            json.WriteStartObject("Status");
            json.WriteNumber("Code", span.Error.Length > 0 ? StatusError : StatusUnset);
            json.WriteString("Description", span.Error);
            json.WriteEndObject();
            foreach (var count in new[] { "DroppedAttributes", "DroppedEvents", "DroppedLinks", "ChildSpanCount" }) json.WriteNumber(count, 0);
            WriteAttribute(json, "Resource", ("service.name", "wharf"));
            json.WriteStartObject("InstrumentationLibrary");
            foreach (var (key, value) in new[] { ("Name", "wharf/builder"), ("Version", DaemonVersion.Product), ("SchemaURL", "") }) json.WriteString(key, value);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        buffer.Write("\n"u8);
    }

    private static void WriteContext(Utf8JsonWriter json, string name, string trace, string span, bool remote)
    {
        json.WriteStartObject(name);
        json.WriteString("TraceID", trace);
        json.WriteString("SpanID", span);
        json.WriteString("TraceFlags", span == NoSpan ? "00" : "01");
        json.WriteString("TraceState", "");
        json.WriteBoolean("Remote", remote);
        json.WriteEndObject();
    }

    private static void WriteAttribute(Utf8JsonWriter json, string list, (string Key, string Value) attribute)
    {
        json.WriteStartArray(list);
        json.WriteStartObject();
        json.WriteString("Key", attribute.Key);
        json.WriteStartObject("Value");
        json.WriteString("Type", "STRING");
        json.WriteString("Value", attribute.Value);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    }
}
