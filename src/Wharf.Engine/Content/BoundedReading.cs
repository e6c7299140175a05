namespace Wharf.Engine.Content;

/// <summary>Reading a stream whole whose length others decide.</summary>
public static class BoundedReading
{
    /// <param name="stream">Is read to its end, or until more than the limit has come.</param>
    /// <param name="limit">Bytes.</param>
    /// <param name="tooLarge">The error for more bytes than that.</param>
    public static async Task<byte[]> ReadWholeAsync(this Stream stream, long limit, Func<Exception> tooLarge, CancellationToken cancellation)
    {
        using var memory = new MemoryStream();
        var buffer = new byte[16384];
        int count;
        while ((count = await stream.ReadAsync(buffer, cancellation)) > 0)
        {
            if (memory.Length + count > limit) throw tooLarge();
            memory.Write(buffer, 0, count);
        }
        return memory.ToArray();
    }
}
