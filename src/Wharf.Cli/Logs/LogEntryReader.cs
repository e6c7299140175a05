using System.Text;
using Wharf.Cli.Streams;

namespace Wharf.Cli.Logs;

/// <summary>Reads a log entry by entry, from docker's frames or from the plain lines of a container with a terminal.</summary>
internal sealed class LogEntryReader(Stream source, bool isTerminal)
{
    private const int MaxFrame = 64 << 20;
    private readonly BufferedStream stream = new(source, 64 << 10);
    private readonly byte[] header = new byte[FrameHeader.Size];

    /// <summary>Null at the end.</summary>
    public async ValueTask<LogEntry?> ReadAsync(CancellationToken cancellationToken) => isTerminal ? await ReadLineAsync(cancellationToken) : await ReadFrameAsync(cancellationToken);

    private async ValueTask<LogEntry?> ReadFrameAsync(CancellationToken cancellationToken)
    {
        var read = await stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
        if (read == 0) return null;
        if (read < header.Length) throw new IOException("unexpected EOF");
        var frame = FrameHeader.Parse(header);
        if (frame.Length > MaxFrame) throw new IOException($"unrecognized stream: {frame.Kind}");
        var bytes = new byte[frame.Length];
        await stream.ReadExactlyAsync(bytes, cancellationToken);
        if (frame.IsError) throw new IOException($"error from daemon in stream: {Encoding.UTF8.GetString(bytes)}");
        return LogEntry.Parse(frame.Kind == 2 ? (byte)2 : (byte)1, bytes);
    }

    private async ValueTask<LogEntry?> ReadLineAsync(CancellationToken cancellationToken)
    {
        var line = new MemoryStream();
        var one = new byte[1];
        while (await stream.ReadAsync(one, cancellationToken) == 1)
        {
            line.WriteByte(one[0]);
            if (one[0] == (byte)'\n') break;
        }
        return line.Length == 0 ? null : LogEntry.Parse(1, line.ToArray());
    }
}
