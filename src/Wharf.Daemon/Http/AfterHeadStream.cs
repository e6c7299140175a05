using System.Net.Sockets;
using Wharf.Engine.Content;
using Wharf.Linux.Fds;

namespace Wharf.Daemon.Http;

/// <summary>
/// The output of a hijacked connection on a unix socket. Its first bytes wait until the client has read the head of the answer: docker's Python client
/// reads the head through a buffer and what follows past it, so that bytes which come together with the head are lost to it. dockerd is too slow to show
/// this. A client that does not read is waited for no longer than <see cref="Patience"/>.
/// </summary>
internal sealed class AfterHeadStream(Socket socket, Stream inner) : WriteOnlyStream
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private bool _headRead;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_headRead) await WaitAsync(cancellationToken);
        await inner.WriteAsync(buffer, cancellationToken);
    }

    private async Task WaitAsync(CancellationToken cancellation)
    {
        long start = Environment.TickCount64;
        // The client is mostly there already; the kernel tells nobody when a receive queue becomes empty.
        for (int delay = 1; !IsRead() && Environment.TickCount64 - start < Patience.TotalMilliseconds; delay = Math.Min(delay * 2, 50)) await Task.Delay(delay, cancellation);
        _headRead = true;
    }

    private bool IsRead()
    {
        try { return UnreadBytes.Of(socket.Handle) == 0; }
        catch (ObjectDisposedException) { return true; }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
