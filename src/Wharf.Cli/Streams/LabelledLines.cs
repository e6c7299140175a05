using System.Text;

namespace Wharf.Cli.Streams;

/// <summary>Writes whole lines to another stream, each with a name before it, so that several may write there at a time. Disposing it writes what has no end yet; the other stream stays open.</summary>
internal sealed class LabelledLines(Stream target, string name) : SinkStream
{
    private readonly byte[] _label = Encoding.UTF8.GetBytes($"{name} | ");
    private readonly MemoryStream _line = new();

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        lock (_line)
        {
            while (buffer.IndexOf((byte)'\n') is >= 0 and var end)
            {
                _line.Write(buffer[..(end + 1)]);
                buffer = buffer[(end + 1)..];
                WriteLine();
            }
            _line.Write(buffer);
        }
    }

    private void WriteLine()
    {
        byte[] whole = [.. _label, .. _line.ToArray()];
        _line.SetLength(0);
        lock (target) target.Write(whole);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && _line.Length > 0) Write("\n"u8);
        base.Dispose(disposing);
    }
}
