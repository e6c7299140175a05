using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Net.WebSockets;
using Wharf.Engine.Containers;
using Wharf.Engine.Shims;

namespace Wharf.Daemon.Api;

/// <summary>Carries a process's streams over a web socket. Both outputs go as they come, without docker's frames: the socket has its own.</summary>
internal static class WebSocketRelay
{
    private const int BufferSize = 32768;

    /// <summary>True when the client typed its detach keys.</summary>
    public static async Task<bool> RunAsync(WebSocket client, AttachedStream process, bool framed, WebSocketMessageType type, bool stdin, byte[]? detachKeys)
    {
        using var ended = new CancellationTokenSource();
        var output = CopyOutputAsync(process, framed, client, type, ended.Token);
        var input = CopyInputAsync(client, process, stdin, detachKeys, ended.Token);
        await Task.WhenAny(output, input);
        bool detached = input.IsCompletedSuccessfully && await input;
        if (!detached && !input.IsCompleted) await CloseAsync(client);
        await ended.CancelAsync();
        await Task.WhenAll(output, input);
        return detached;
    }

    private static async Task CloseAsync(WebSocket client)
    {
        try { await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None); }
        catch (Exception error) when (IsEnd(error)) { /* the client is gone already */ }
    }

    private static async Task CopyOutputAsync(AttachedStream process, bool framed, WebSocket client, WebSocketMessageType type, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        var head = new byte[8];
        try
        {
            while (true)
            {
                int left = int.MaxValue;
                if (framed)
                {
                    if (await process.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellation) < head.Length) return;
                    left = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
                }
                while (left > 0)
                {
                    int count = await process.ReadAsync(buffer.AsMemory(0, Math.Min(left, buffer.Length)), cancellation);
                    if (count == 0) return;
                    if (framed) left -= count;
                    await client.SendAsync(buffer.AsMemory(0, count), type, endOfMessage: true, cancellation);
                }
            }
        }
        catch (Exception error) when (IsEnd(error)) { /* one side is gone, or the relay is over */ }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
    }

    private static async Task<bool> CopyInputAsync(WebSocket client, AttachedStream process, bool stdin, byte[]? detachKeys, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        var keys = detachKeys is null ? null : new DetachKeys(detachKeys);
        var passed = new List<byte>();
        try
        {
            while (true)
            {
                var message = await client.ReceiveAsync(buffer.AsMemory(), cancellation);
                if (message.MessageType == WebSocketMessageType.Close) break;
                if (!stdin) continue;
                if (keys is null)
                {
                    await process.WriteAsync(buffer.AsMemory(0, message.Count), cancellation);
                    continue;
                }
                passed.Clear();
                bool detach = keys.Filter(buffer.AsSpan(0, message.Count), passed);
                if (passed.Count > 0) await process.WriteAsync(passed.ToArray(), cancellation);
                if (detach) return true;
            }
            process.ShutdownWrite();
        }
        catch (Exception error) when (IsEnd(error)) { /* the client is gone, or the relay is over */ }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
        return false;
    }

    private static bool IsEnd(Exception error) => error is WebSocketException or IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException;
}
