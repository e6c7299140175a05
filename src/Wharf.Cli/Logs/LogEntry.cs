namespace Wharf.Cli.Logs;

/// <summary>
/// One entry of a container's log: when it was written (RFC 3339 in UTC with nine decimals, so that texts sort as times do), on which stream
/// (1 stdout, 2 stderr), and the bytes, which end with a line feed unless the line goes on in the stream's next entry.
/// </summary>
internal readonly record struct LogEntry(string Time, byte Stream, ReadOnlyMemory<byte> Text)
{
    /// <summary>Length of a time and the space behind it.</summary>
    public const int TimeLength = 31;

    public bool EndsLine => Text.Length > 0 && Text.Span[^1] == (byte)'\n';

    /// <summary>Takes an entry apart that was asked for with timestamps.</summary>
    public static LogEntry Parse(byte stream, ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < TimeLength || bytes.Span[TimeLength - 1] != (byte)' ') throw new IOException("the daemon sent a line of a log without its time");
        return new LogEntry(System.Text.Encoding.ASCII.GetString(bytes.Span[..(TimeLength - 1)]), stream, bytes[TimeLength..]);
    }
}
