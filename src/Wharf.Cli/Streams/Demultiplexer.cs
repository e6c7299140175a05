using System.Buffers.Binary;

namespace Wharf.Cli.Streams;

/// <summary>
/// Takes apart the stream of a container without a terminal: frames of a kind (1 stdout, 2 stderr, 3 an error of the daemon),
/// three zero bytes, a big-endian length, and the bytes (Engine API, "Stream format" of attach).
/// </summary>
internal static class Demultiplexer
{
    private const int HeaderSize = 8;

    public static async Task CopyAsync(Func<Memory<byte>, ValueTask<int>> read, Stream output, Stream error, CancellationToken cancellationToken)
    {
        var buffer = new byte[32 * 1024];
        while (true)
        {
            if (!await FillAsync(read, buffer.AsMemory(0, HeaderSize))) return;
            var target = buffer[0] switch
            {
                0 or 1 => output,
                2 => error,
                3 => null,
                var kind => throw new IOException($"unrecognized stream: {kind}"),
            };
            var left = BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(4));
            if (target is null) throw new IOException($"error from daemon in stream: {await ReadTextAsync(read, left)}");
            while (left > 0)
            {
                var count = await read(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)));
                if (count == 0) throw new IOException("unexpected EOF");
                await target.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                left -= (uint)count;
            }
        }
    }

    private static async Task<string> ReadTextAsync(Func<Memory<byte>, ValueTask<int>> read, uint length)
    {
        var bytes = new byte[Math.Min(length, 64 * 1024)];
        return await FillAsync(read, bytes) ? System.Text.Encoding.UTF8.GetString(bytes) : "";
    }

    /// <summary>False when the stream ends before the first byte.</summary>
    private static async Task<bool> FillAsync(Func<Memory<byte>, ValueTask<int>> read, Memory<byte> target)
    {
        for (var done = 0; done < target.Length;)
        {
            var count = await read(target[done..]);
            if (count == 0) return done == 0 && target.Length > 0 ? false : throw new IOException("unexpected EOF");
            done += count;
        }
        return true;
    }
}
