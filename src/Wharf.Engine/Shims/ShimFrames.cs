using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Shims;

/// <summary>The wire form between engine and shim: a 4-byte little-endian length and that many bytes of JSON.</summary>
internal static class ShimFrames
{
    private const int MaxFrame = 32 << 20;

    public static byte[] Encode(ShimRequest request)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(request, ShimJson.Default.ShimRequest);
        var frame = new byte[4 + json.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, json.Length);
        json.CopyTo(frame, 4);
        return frame;
    }

    public static Task WriteAsync(Socket socket, ShimRequest request, CancellationToken cancellation) => SendAllAsync(socket, Encode(request), cancellation);

    public static async Task SendAllAsync(Socket socket, ReadOnlyMemory<byte> frame, CancellationToken cancellation)
    {
        while (frame.Length > 0) frame = frame[await socket.SendAsync(frame, cancellation)..];
    }

    /// <summary>The next message; null at the end of the stream. Reads not one byte more: what follows may be a raw stream.</summary>
    public static async Task<T?> ReadAsync<T>(Socket socket, JsonTypeInfo<T> type, CancellationToken cancellation) where T : class
    {
        var head = new byte[4];
        if (!await FillAsync(socket, head, cancellation)) return null;
        int length = BinaryPrimitives.ReadInt32LittleEndian(head);
        if (length is < 2 or > MaxFrame) throw new WharfException(ErrorKind.Internal, $"the shim sent a message of {length} bytes");
        var json = new byte[length];
        return await FillAsync(socket, json, cancellation) ? JsonSerializer.Deserialize(json, type) : null;
    }

    private static async Task<bool> FillAsync(Socket socket, Memory<byte> buffer, CancellationToken cancellation)
    {
        while (buffer.Length > 0)
        {
            int count = await socket.ReceiveAsync(buffer, cancellation);
            if (count == 0) return false;
            buffer = buffer[count..];
        }
        return true;
    }
}
