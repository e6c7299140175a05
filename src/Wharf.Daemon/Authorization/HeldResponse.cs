using Wharf.Engine.Content;

namespace Wharf.Daemon.Authorization;

/// <summary>
/// Keeps an answer until the plugins have seen it. A stream (logs, events, archives) cannot be kept: it flows as soon as its handler
/// flushes, or when more than <see cref="Limit"/> bytes have come, as docker has it.
/// </summary>
internal sealed class HeldResponse(Stream inner) : WriteOnlyStream
{
    private const int Limit = 64 * 1024;
    private readonly MemoryStream _held = new();

    public bool IsReleased { get; private set; }
    public byte[] Bytes => _held.ToArray();

    public async Task ReleaseAsync(CancellationToken cancellation)
    {
        if (IsReleased) return;
        IsReleased = true;
        if (_held.Length > 0) await inner.WriteAsync(_held.GetBuffer().AsMemory(0, (int)_held.Length), cancellation);
        _held.SetLength(0);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!IsReleased && _held.Length + buffer.Length > Limit) await ReleaseAsync(cancellationToken);
        if (IsReleased) await inner.WriteAsync(buffer, cancellationToken);
        else _held.Write(buffer.Span);
    }

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        await ReleaseAsync(cancellationToken);
        await inner.FlushAsync(cancellationToken);
    }

    public override void Flush() => throw new NotSupportedException("flush asynchronously");
}
