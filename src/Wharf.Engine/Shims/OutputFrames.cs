using System.Buffers.Binary;

namespace Wharf.Engine.Shims;

/// <summary>A process's output without a terminal: frames of a stream's number, three zero bytes, the length (big-endian) and the bytes.</summary>
internal static class OutputFrames
{
    private const int HeadLength = 8;

    /// <summary>Gives each frame to <paramref name="take"/> until the process has no more to say.</summary>
    public static async Task ReadAsync(Stream output, Func<int, ReadOnlyMemory<byte>, ValueTask> take, CancellationToken cancellation)
    {
        var head = new byte[HeadLength];
        while (await output.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellation) == head.Length)
        {
            var data = new byte[BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4))];
            await output.ReadExactlyAsync(data, cancellation);
            await take(head[0], data);
        }
    }
}
