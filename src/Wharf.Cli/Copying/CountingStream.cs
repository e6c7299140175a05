using Wharf.Cli.Streams;

namespace Wharf.Cli.Copying;

/// <summary>Passes a stream through and counts its bytes.</summary>
internal sealed class CountingStream(Stream inner) : ForwardStream
{
    public long Count { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        Count += read;
        return read;
    }
}
