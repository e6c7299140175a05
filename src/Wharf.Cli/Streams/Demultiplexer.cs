namespace Wharf.Cli.Streams;

/// <summary>Takes apart the stream of a container without a terminal: headers (<see cref="FrameHeader"/>), each with its bytes behind it.</summary>
internal static class Demultiplexer
{
    public static async Task CopyAsync(Func<Memory<byte>, ValueTask<int>> read, Stream output, Stream error, CancellationToken cancellationToken)
    {
        var buffer = new byte[32 * 1024];
        while (true)
        {
            if (!await FillAsync(read, buffer.AsMemory(0, FrameHeader.Size))) return;
            var header = FrameHeader.Parse(buffer);
            var left = header.Length;
            if (header.IsError) throw new IOException($"error from daemon in stream: {await ReadTextAsync(read, left)}");
            var target = header.Kind == 2 ? error : output;
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
