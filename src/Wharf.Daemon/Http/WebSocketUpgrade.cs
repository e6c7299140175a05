using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Http;

/// <summary>The server's side of a web socket handshake (RFC 6455, 4.2) on a connection taken over from HTTP.</summary>
internal static class WebSocketUpgrade
{
    private static readonly byte[] Suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"u8.ToArray();

    /// <summary>Throws InvalidArgument for a request that asks for no web socket.</summary>
    public static void Require(ApiContext context)
    {
        var headers = context.Http.Request.Headers;
        if (!string.Equals(headers.Upgrade, "websocket", StringComparison.OrdinalIgnoreCase) || string.IsNullOrEmpty(headers.SecWebSocketKey)) throw WharfException.Invalid("bad request: not a websocket upgrade");
    }

    public static async Task<(WebSocket Socket, HijackedConnection Connection)> AcceptAsync(ApiContext context)
    {
        var headers = context.Http.Request.Headers;
        // SHA-1 is what the protocol prescribes; it protects nothing here.
        var accept = Convert.ToBase64String(SHA1.HashData([.. Encoding.ASCII.GetBytes(headers.SecWebSocketKey.ToString()), .. Suffix]));
        var head = $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
        if (headers.SecWebSocketProtocol.Count > 0) head += $"Sec-WebSocket-Protocol: {headers.SecWebSocketProtocol[0]!.Split(',')[0].Trim()}\r\n";
        var connection = await HijackedConnection.TakeOverAsync(context, head);
        return (WebSocket.CreateFromStream(new DuplexStream(connection.Input, connection.Output), new WebSocketCreationOptions { IsServer = true }), connection);
    }
}

/// <summary>Two one-way streams as one.</summary>
internal sealed class DuplexStream(Stream input, Stream output) : Stream
{
    public override bool CanRead => true;
    public override bool CanWrite => true;
    public override bool CanSeek => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count) => input.Read(buffer, offset, count);
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => input.ReadAsync(buffer, cancellationToken);
    public override void Write(byte[] buffer, int offset, int count) => output.Write(buffer, offset, count);
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => output.WriteAsync(buffer, cancellationToken);
    public override void Flush() => output.Flush();
    public override Task FlushAsync(CancellationToken cancellationToken) => output.FlushAsync(cancellationToken);
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
