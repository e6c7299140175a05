using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Wharf.Cli.ApiClient;

/// <summary>
/// One HTTP/1.1 connection (RFC 9112) over a socket. Our own rather than HttpClient: attach and exec take the connection over
/// after the headers, and a command line that lives 20 ms cannot spend 15 of them on loading a client stack.
/// </summary>
internal sealed class HttpConnection : IAsyncDisposable
{
    private const int MaxHeadBytes = 64 * 1024;
    private readonly Socket? socket;
    private readonly Stream stream;
    private readonly byte[] buffer = new byte[32 * 1024];
    private int start, end;

    private HttpConnection(Socket? socket, Stream stream) => (this.socket, this.stream) = (socket, stream);

    public static async Task<HttpConnection> ConnectAsync(DockerHost host, TlsOptions? tls, CancellationToken cancellationToken)
    {
        if (host.SshTarget is { } target) return new HttpConnection(null, SshStream.Start(target));
        var socket = host.SocketPath is null
            ? new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (host.SocketPath is { } path) await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            else await socket.ConnectAsync(host.HostName, host.Port, cancellationToken);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (tls is not null) stream = await tls.WrapAsync(stream, host.HostName, cancellationToken);
            return new HttpConnection(socket, stream);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => stream.WriteAsync(bytes, cancellationToken);

    /// <summary>Sends a body of unknown length in chunks (RFC 9112 section 7.1).</summary>
    public async Task WriteChunkedAsync(Stream body, CancellationToken cancellationToken)
    {
        const int room = 8;
        var chunk = new byte[room + 64 * 1024 + 2];
        int read;
        while ((read = await body.ReadAsync(chunk.AsMemory(room, 64 * 1024), cancellationToken)) > 0)
        {
            var size = Encoding.ASCII.GetBytes(read.ToString("x", CultureInfo.InvariantCulture) + "\r\n");
            size.CopyTo(chunk.AsSpan(room - size.Length));
            "\r\n"u8.CopyTo(chunk.AsSpan(room + read));
            await stream.WriteAsync(chunk.AsMemory(room - size.Length, size.Length + read + 2), cancellationToken);
        }
        await stream.WriteAsync("0\r\n\r\n"u8.ToArray(), cancellationToken);
    }

    /// <summary>Reads the status line and the headers; interim 1xx answers other than 101 are passed over.</summary>
    public async Task<ResponseHead> ReadHeadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var head = ResponseHead.Parse(await ReadHeadTextAsync(cancellationToken));
            if (head.Status >= 200 || head.Status == 101) return head;
        }
    }

    private async Task<string> ReadHeadTextAsync(CancellationToken cancellationToken)
    {
        using var text = new MemoryStream();
        while (true)
        {
            var line = await ReadLineAsync(cancellationToken);
            if (line.Length == 0) return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
            text.Write(Encoding.UTF8.GetBytes(line));
            text.WriteByte((byte)'\n');
            if (text.Length > MaxHeadBytes) throw new IOException("the daemon's response headers are too long");
        }
    }

    public async Task<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        while (true)
        {
            if (start == end && !await FillAsync(cancellationToken)) throw new IOException("unexpected EOF");
            var newline = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            var length = newline < 0 ? end - start : newline;
            line.Append(Encoding.UTF8.GetString(buffer, start, length));
            start += newline < 0 ? length : length + 1;
            if (newline >= 0) return line.ToString().TrimEnd('\r');
            if (line.Length > MaxHeadBytes) throw new IOException("the daemon sent an endless line");
        }
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        start = 0;
        end = await stream.ReadAsync(buffer, cancellationToken);
        return end > 0;
    }

    /// <summary>Reads what is buffered, or from the socket; 0 at the end of the connection.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> target, CancellationToken cancellationToken)
    {
        if (start == end)
        {
            if (target.Length >= buffer.Length) return await stream.ReadAsync(target, cancellationToken);
            if (!await FillAsync(cancellationToken)) return 0;
        }
        var count = Math.Min(target.Length, end - start);
        buffer.AsMemory(start, count).CopyTo(target);
        start += count;
        return count;
    }

    /// <summary>Tells the other side that no more input comes, while its output still does.</summary>
    public async Task CloseWriteAsync()
    {
        if (stream is SslStream tls) await tls.ShutdownAsync();
        else if (stream is SshStream ssh) ssh.CloseInput();
        else if (socket is { Connected: true }) socket.Shutdown(SocketShutdown.Send);
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();
}
