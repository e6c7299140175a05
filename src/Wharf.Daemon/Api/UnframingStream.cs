using System.Buffers.Binary;

namespace Wharf.Daemon.Api;

/// <summary>Takes the heads of docker's frames out of what is written: for a client that says it has a terminal where the process has none.</summary>
internal sealed class UnframingStream(Stream inner) : Stream
{
    private readonly byte[] _head = new byte[8];
    private int _headFilled, _left;

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            if (_left == 0)
            {
                int taken = Math.Min(_head.Length - _headFilled, buffer.Length);
                buffer[..taken].CopyTo(_head.AsMemory(_headFilled));
                _headFilled += taken;
                buffer = buffer[taken..];
                if (_headFilled < _head.Length) return;
                _left = BinaryPrimitives.ReadInt32BigEndian(_head.AsSpan(4));
                _headFilled = 0;
                continue;
            }
            int count = Math.Min(_left, buffer.Length);
            await inner.WriteAsync(buffer[..count], cancellationToken);
            _left -= count;
            buffer = buffer[count..];
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
    public override void Flush() => throw new NotSupportedException("only asynchronously");
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("only asynchronously");
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
