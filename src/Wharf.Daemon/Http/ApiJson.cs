using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Wharf.Daemon.Http;

/// <summary>JSON on its way out, escaped no more than JSON asks for: quotes and names read as docker's do.</summary>
public static class ApiJson
{
    // Answers are application/json and never part of a page, so what the default encoder escapes for HTML's sake may stay.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The value, followed by <paramref name="end"/>.</summary>
    public static ReadOnlyMemory<byte> Write<T>(T value, JsonTypeInfo<T> type, ReadOnlySpan<byte> end)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        Write(buffer, value, type, end);
        return buffer.WrittenMemory;
    }

    /// <summary>As above, into a buffer.</summary>
    public static void Write<T>(ArrayBufferWriter<byte> buffer, T value, JsonTypeInfo<T> type, ReadOnlySpan<byte> end)
    {
        using (var writer = new Utf8JsonWriter(buffer, Options)) JsonSerializer.Serialize(writer, value, type);
        buffer.Write(end);
    }
}
