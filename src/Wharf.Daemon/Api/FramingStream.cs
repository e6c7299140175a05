using System.Buffers.Binary;
using Wharf.Engine.Content;

namespace Wharf.Daemon.Api;

/// <summary>Puts what is written into docker's frames of standard output: for a terminal's output to a client that expects frames.</summary>
internal sealed class FramingStream(Stream inner) : WriteOnlyStream
{
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var frame = new byte[8 + buffer.Length];
        frame[0] = 1;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), buffer.Length);
        buffer.CopyTo(frame.AsMemory(8));
        return inner.WriteAsync(frame, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
}
