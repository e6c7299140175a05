using System.Text;
using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Wharf.BuildKit.Protocol.Controls;

namespace Wharf.Cli.Building.Display;

/// <summary>One JSON object a line, as docker's <c>--progress=rawjson</c> has them.</summary>
internal sealed class JsonDisplay(TextWriter output) : BuildDisplay
{
    public override async Task ShowAsync(StatusResponse news)
    {
        Trace.Add(news);
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            List(json, "vertexes", news.Vertexes, Write);
            List(json, "statuses", news.Statuses, Write);
            List(json, "logs", news.Logs, Write);
            List(json, "warnings", news.Warnings, Write);
            json.WriteEndObject();
        }
        await output.WriteLineAsync(Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length));
    }

    private static void List<T>(Utf8JsonWriter json, string name, IReadOnlyCollection<T> items, Action<Utf8JsonWriter, T> write)
    {
        if (items.Count == 0) return;
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            json.WriteStartObject();
            write(json, item);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, Vertex vertex)
    {
        json.WriteString("digest", vertex.Digest);
        if (vertex.Inputs.Count > 0)
        {
            json.WriteStartArray("inputs");
            foreach (var input in vertex.Inputs) json.WriteStringValue(input);
            json.WriteEndArray();
        }
        json.WriteString("name", vertex.Name);
        Time(json, "started", vertex.Started);
        Time(json, "completed", vertex.Completed);
        if (vertex.Cached) json.WriteBoolean("cached", true);
        if (vertex.Error.Length > 0) json.WriteString("error", vertex.Error);
    }

    private static void Write(Utf8JsonWriter json, VertexStatus status)
    {
        json.WriteString("id", status.Id);
        json.WriteString("vertex", status.Vertex);
        if (status.Name.Length > 0) json.WriteString("name", status.Name);
        if (status.Total != 0) json.WriteNumber("total", status.Total);
        json.WriteNumber("current", status.Current);
        Time(json, "timestamp", status.Timestamp);
        Time(json, "started", status.Started);
        Time(json, "completed", status.Completed);
    }

    private static void Write(Utf8JsonWriter json, VertexLog log)
    {
        json.WriteString("vertex", log.Vertex);
        json.WriteNumber("stream", log.Stream);
        json.WriteBase64String("data", log.Msg.Span);
        Time(json, "timestamp", log.Timestamp);
    }

    private static void Write(Utf8JsonWriter json, VertexWarning warning)
    {
        json.WriteString("vertex", warning.Vertex);
        json.WriteNumber("level", warning.Level);
        json.WriteBase64String("short", warning.Short.Span);
        if (warning.Url.Length > 0) json.WriteString("url", warning.Url);
    }

    private static void Time(Utf8JsonWriter json, string name, Timestamp? time)
    {
        if (time is not null) json.WriteString(name, time.ToDateTimeOffset().UtcDateTime);
    }
}
