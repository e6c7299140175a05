using System.Text;

namespace Wharf.Cli.Streams;

/// <summary>Writes whole lines to another stream, each with a name before it, so that several may write there at a time. Disposing it writes what has no end yet; the other stream stays open.</summary>
internal sealed class LabelledLines(Stream target, string name) : Stream
{
    private readonly byte[] label = Encoding.UTF8.GetBytes($"{name} | ");
    private readonly MemoryStream line = new();

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Flush() { }
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        lock (line)
        {
            while (buffer.IndexOf((byte)'\n') is >= 0 and var end)
            {
                line.Write(buffer[..(end + 1)]);
                buffer = buffer[(end + 1)..];
                WriteLine();
            }
            line.Write(buffer);
        }
    }

    private void WriteLine()
    {
        byte[] whole = [.. label, .. line.ToArray()];
        line.SetLength(0);
        lock (target) target.Write(whole);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && line.Length > 0) Write("\n"u8);
        base.Dispose(disposing);
    }
}
