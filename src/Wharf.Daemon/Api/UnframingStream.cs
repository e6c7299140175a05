using System.Buffers.Binary;
using Wharf.Engine.Content;

namespace Wharf.Daemon.Api;

/// <summary>Takes the heads of docker's frames out of what is written: for a client that says it has a terminal where the process has none.</summary>
internal sealed class UnframingStream(Stream inner) : WriteOnlyStream
{
    private readonly byte[] _head = new byte[8];
    private int _headFilled, _left;

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

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
}
