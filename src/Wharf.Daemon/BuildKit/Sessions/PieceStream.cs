using Wharf.Engine.Content;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>Bytes that come in the messages of a call.</summary>
internal abstract class PieceStream : ReadOnlyStream
{
    /// <summary>No more pieces come. It has a type of its own: beside a piece a bare null would be an empty piece, by way of an empty array.</summary>
    protected static readonly ReadOnlyMemory<byte>? End = null;

    private ReadOnlyMemory<byte> _left;

    /// <summary>The next piece, which may be empty; <see cref="End"/> when no more come.</summary>
    protected abstract Task<ReadOnlyMemory<byte>?> NextAsync(CancellationToken cancellation);

    public sealed override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_left.IsEmpty)
        {
            if (await NextAsync(cancellationToken) is not { } next) return 0;
            _left = next;
        }
        int count = Math.Min(buffer.Length, _left.Length);
        _left[..count].CopyTo(buffer);
        _left = _left[count..];
        return count;
    }

    public sealed override int Read(Span<byte> buffer) => throw new NotSupportedException("asynchronous only");
}
