using System.Globalization;
using Wharf.Cli.Streams;

namespace Wharf.Cli.ApiClient;

/// <summary>The body of one response, framed by length, by chunks, or by the end of the connection.</summary>
internal sealed class ResponseBody(HttpConnection connection, ResponseHead head, bool isEmpty) : ForwardStream
{
    private readonly bool isChunked = head.IsChunked;
    private long left = isEmpty ? 0 : head.IsChunked ? 0 : head.ContentLength ?? long.MaxValue;
    private bool atEnd = isEmpty || (!head.IsChunked && head.ContentLength == 0);
    private bool isFirstChunk = true;

    /// <summary>Whether everything was read, so that the connection can carry another request.</summary>
    public bool IsComplete => atEnd && (isEmpty || isChunked || head.ContentLength is not null);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (atEnd || buffer.Length == 0) return 0;
        if (isChunked && left == 0 && !await NextChunkAsync(cancellationToken)) return 0;
        var read = await connection.ReadAsync(left < buffer.Length ? buffer[..(int)left] : buffer, cancellationToken);
        if (read == 0)
        {
            atEnd = true;
            if (isChunked || head.ContentLength is not null) throw new IOException("unexpected EOF");
            return 0;
        }
        left -= read;
        if (left == 0 && !isChunked) atEnd = true;
        return read;
    }

    private async Task<bool> NextChunkAsync(CancellationToken cancellationToken)
    {
        if (!isFirstChunk) await connection.ReadLineAsync(cancellationToken);
        isFirstChunk = false;
        var line = await connection.ReadLineAsync(cancellationToken);
        var size = line.IndexOf(';') is >= 0 and var at ? line[..at] : line;
        if (!long.TryParse(size.Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out left) || left < 0) throw new IOException("malformed chunked encoding");
        if (left > 0) return true;
        // Trailers end with an empty line, as the head does.
        while (await connection.ReadLineAsync(cancellationToken) != "") { }
        atEnd = true;
        return false;
    }
}
