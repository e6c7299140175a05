using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Http;

/// <summary>
/// A request whose connection became a raw two-way stream (attach, exec). After <see cref="HijackAsync"/> nothing of HTTP is left:
/// the client's half-close is the end of <see cref="Input"/>, and output still flows after it.
/// </summary>
public sealed class HijackedConnection : IAsyncDisposable
{
    /// <summary>How long a client may take to receive the last bytes.</summary>
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(10);
    private readonly ApiContext _context;
    private readonly Socket _socket;
    private readonly TlsConnection? _tls;

    private HijackedConnection(ApiContext context, PipeReader input, Socket socket, TlsConnection? tls)
    {
        _context = context;
        _socket = socket;
        _tls = tls;
        Reader = input;
        Input = input.AsStream(leaveOpen: true);
        Output = tls is null ? new NetworkStream(socket, ownsSocket: false) : tls.Stream;
    }

    /// <summary>As <see cref="Input"/>, without the stream around it.</summary>
    public PipeReader Reader { get; }
    /// <summary>Bytes from the client, including any it sent early.</summary>
    public Stream Input { get; }
    /// <summary>Bytes to the client; each write is sent at once.</summary>
    public Stream Output { get; private set; }

    /// <summary>
    /// Takes the connection over: answers 101 with <c>Upgrade: tcp</c> when the client asked for an upgrade and 200 otherwise.
    /// The request body must have been read before. Call <see cref="Prepare"/> first thing in the handler.
    /// </summary>
    public static async Task<HijackedConnection> HijackAsync(ApiContext context, string contentType)
    {
        var head = context.Http.Request.Headers.ContainsKey("Upgrade")
            ? $"HTTP/1.1 101 UPGRADED\r\nContent-Type: {contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            : "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n";
        return await TakeOverAsync(context, head);
    }

    /// <summary>Takes over a connection that goes on in another protocol, which the client named.</summary>
    public static Task<HijackedConnection> UpgradeAsync(ApiContext context, string protocol) => TakeOverAsync(context, $"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n");

    /// <summary>Takes the connection over with an answer whose first lines are the caller's; the headers set before follow them.</summary>
    public static async Task<HijackedConnection> TakeOverAsync(ApiContext context, string head)
    {
        Prepare(context);
        var transport = context.Http.Features.Get<IConnectionTransportFeature>()?.Transport;
        var socket = context.Http.Features.Get<IConnectionSocketFeature>()?.Socket;
        if (transport is null || socket is null)
            throw WharfException.NotImplemented("this connection cannot be turned into a raw stream");
        var text = new StringBuilder(head);
        foreach (var (name, value) in context.Http.Response.Headers)
            if (name is not "Content-Type") text.Append(name).Append(": ").Append(value.ToString()).Append("\r\n");
        text.Append("\r\n");
        var connection = new HijackedConnection(context, transport.Input, socket, context.Http.Features.Get<TlsConnection>());
        await connection.TellAsync(Encoding.ASCII.GetBytes(text.ToString()));
        if (connection._tls is null && socket.AddressFamily == AddressFamily.Unix) connection.Output = new AfterHeadStream(socket, connection.Output);
        return connection;
    }

    /// <summary>Writes what the daemon itself says. A client that has left before does not end what it asked for (an exec is started, as dockerd does): whoever reads from it or writes to it next sees that it is gone.</summary>
    public async Task TellAsync(ReadOnlyMemory<byte> text)
    {
        try { await Output.WriteAsync(text, CancellationToken.None); }
        catch (IOException) { /* gone: nobody to tell */ }
    }

    /// <summary>An error told as dockerd tells it when it has taken the connection over already: a bare head and the text.</summary>
    public static async Task RefuseAsync(ApiContext context, WharfException error)
    {
        foreach (var name in context.Http.Response.Headers.Keys.ToArray()) context.Http.Response.Headers.Remove(name);
        int status = DockerErrors.StatusOf(error);
        await using var client = await TakeOverAsync(context, $"HTTP/1.1 {status} {Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status)}\r\nContent-Type: application/vnd.docker.raw-stream\r\n");
        await client.TellAsync(Encoding.UTF8.GetBytes(error.Message + "\r\n"));
    }

    /// <summary>Says that this request will be a hijack, so that an early half-close of the client does not end it.</summary>
    public static void Prepare(ApiContext context)
    {
        if (context.Http.Features.Get<HijackGate>() is { } gate) gate.Hijacked = true;
    }

    /// <summary>Ends the output (the client sees the end of the stream) and gives the connection up.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_tls is not null) await EndTlsAsync(_tls);
        else
        {
            try { _socket.Shutdown(SocketShutdown.Send); }
            catch (SocketException) { /* the client is gone already: nothing to tell it */ }
            await Output.DisposeAsync();
        }
        if (_context.Http.Features.Get<HijackGate>() is { } gate) gate.Ended = true;
        // Kestrel must not write a response of its own behind the raw bytes.
        _context.Http.Abort();
    }

    /// <summary>close_notify ends our side. The bytes are still on their way through the transport then, and aborting would lose them: it is told to end, and has ended when the socket is closed.</summary>
    private static async Task EndTlsAsync(TlsConnection tls)
    {
        try
        {
            await tls.Stream.ShutdownAsync();
            await tls.Raw.CompleteAsync();
            await Task.Delay(DrainTime, tls.Closed);
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException) { /* closed: by us, or by a client that did not wait */ }
    }
}

/// <summary>The client closed its connection before it was answered.</summary>
public sealed class ClientGoneException(Exception cause) : IOException("the client is gone", cause);
