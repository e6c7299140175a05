using System.Text;

namespace Wharf.Cli.Logs;

/// <summary>Writes lines of several containers, each with its container's name in front; a line that comes in parts is written when it is whole.</summary>
internal sealed class LogPrinter(CliContext cli, IReadOnlyList<string> names, bool isColored, bool showsTimes) : IDisposable
{
    /// <summary>Cyan, yellow, green, magenta, blue, and the same brighter (ECMA-48, SGR).</summary>
    private static readonly int[] Colors = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];
    private readonly byte[][] prefixes = Prefixes(names, isColored);
    private readonly Dictionary<(int Container, byte Stream), MemoryStream> begun = [];
    private readonly SemaphoreSlim gate = new(1, 1);

    private static byte[][] Prefixes(IReadOnlyList<string> names, bool isColored)
    {
        var width = names.Max(name => name.Length);
        return [.. names.Select((name, i) => $"{name.PadRight(width)} | ").Select((text, i) => Encoding.UTF8.GetBytes(isColored ? $"\e[{Colors[i % Colors.Length]}m{text}\e[0m" : text))];
    }

    public async Task WriteAsync(int container, LogEntry entry, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (!begun.Remove((container, entry.Stream), out var line)) line = Begin(container, entry.Time);
            line.Write(entry.Text.Span);
            if (entry.EndsLine) await WriteAsync(entry.Stream, line, cancellationToken);
            else begun[(container, entry.Stream)] = line;
        }
        finally { gate.Release(); }
    }

    /// <summary>Writes what has no end of line and will get none.</summary>
    public async Task FlushAsync(int container, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            for (byte stream = 1; stream <= 2; stream++)
            {
                if (!begun.Remove((container, stream), out var line)) continue;
                line.WriteByte((byte)'\n');
                await WriteAsync(stream, line, cancellationToken);
            }
        }
        finally { gate.Release(); }
    }

    private MemoryStream Begin(int container, string time)
    {
        var line = new MemoryStream();
        line.Write(prefixes[container]);
        if (showsTimes) line.Write(Encoding.ASCII.GetBytes(time + " "));
        return line;
    }

    private async Task WriteAsync(byte stream, MemoryStream line, CancellationToken cancellationToken)
        => await (stream == 2 ? cli.ErrorStream : cli.OutputStream).WriteAsync(line.GetBuffer().AsMemory(0, (int)line.Length), cancellationToken);

    public void Dispose() => gate.Dispose();
}
