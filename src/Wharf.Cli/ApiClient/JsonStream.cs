using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Wharf.Cli.ApiClient;

/// <summary>Reads JSON values that follow one another, each as soon as it is complete (progress, events, stats).</summary>
internal static class JsonStream
{
    private const int MaxValueBytes = 64 * 1024 * 1024;

    public static async IAsyncEnumerable<JsonElement> ReadAsync(Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        int start = 0, end = 0;
        while (true)
        {
            while (TryRead(buffer.AsSpan(start, end - start), out var consumed, out var value))
            {
                start += consumed;
                yield return value;
            }
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            if (end == buffer.Length)
            {
                if (end >= MaxValueBytes) throw new IOException("the daemon sent a JSON value that is too long");
                Array.Resize(ref buffer, buffer.Length * 2);
            }
            var read = await stream.ReadAsync(buffer.AsMemory(end), cancellationToken);
            if (read == 0)
            {
                if (buffer.AsSpan(0, end).Trim(" \r\n\t"u8).Length > 0) throw new IOException("unexpected EOF");
                yield break;
            }
            end += read;
        }
    }

    private static bool TryRead(ReadOnlySpan<byte> bytes, out int consumed, out JsonElement value)
    {
        var content = bytes.TrimStart(" \r\n\t"u8);
        consumed = 0;
        value = default;
        if (content.IsEmpty) return false;
        var reader = new Utf8JsonReader(content, isFinalBlock: false, state: default);
        try
        {
            if (!JsonDocument.TryParseValue(ref reader, out var document)) return false;
            using (document) value = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new IOException($"the daemon sent malformed JSON: {e.Message}", e);
        }
        consumed = bytes.Length - content.Length + (int)reader.BytesConsumed;
        return true;
    }
}
