namespace Wharf.Engine.Archive;

/// <summary>One member's content as a stream that cannot seek; holes read as zeros.</summary>
internal sealed class TarDataStream(TarReader reader, long size) : Stream
{
    private ReadOnlyMemory<byte> _piece;
    private long _pieceOffset;
    private long _position;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => size;
    public override long Position { get => _position; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position == size || buffer.IsEmpty) return 0;
        if (_piece.IsEmpty)
        {
            _piece = await reader.ReadDataAsync(cancellationToken).ConfigureAwait(false);
            // Nothing left but the size not reached: a hole at the end.
            _pieceOffset = _piece.IsEmpty ? size : reader.DataOffset;
        }
        int count;
        if (_position < _pieceOffset)
        {
            count = (int)Math.Min(buffer.Length, _pieceOffset - _position);
            buffer.Span[..count].Clear();
        }
        else
        {
            count = Math.Min(buffer.Length, _piece.Length);
            _piece[..count].CopyTo(buffer);
            _piece = _piece[count..];
            _pieceOffset += count;
        }
        _position += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("asynchronous only");
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
