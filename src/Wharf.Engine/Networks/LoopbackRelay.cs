using System.Net;
using System.Net.Sockets;

namespace Wharf.Engine.Networks;

/// <summary>
/// Connections that reach the socket that holds a published port, passed on from here while the daemon runs. The firewall turns most before they
/// get here; but the kernel does not let ::1 leave the loopback, nor turn IPv6 to IPv4.
/// </summary>
internal static class LoopbackRelay
{
    private const int BufferSize = 32 << 10;

    /// <summary>Accepts until the socket is closed.</summary>
    public static async Task RunAsync(Socket listener, IPEndPoint target)
    {
        while (true)
        {
            Socket client;
            try { client = await listener.AcceptAsync(); }
            catch (Exception error) when (error is SocketException { SocketErrorCode: SocketError.OperationAborted } or ObjectDisposedException) { return; }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset) { continue; } // the client left before it was accepted
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromSeconds(1)); // out of descriptors: others must close some first
                continue;
            }
            _ = PassAsync(client, target);
        }
    }

    private static async Task PassAsync(Socket client, IPEndPoint target)
    {
        using var _ = client;
        using var server = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await server.ConnectAsync(target);
            await Task.WhenAll(CopyAsync(client, server), CopyAsync(server, client));
        }
        catch (SocketException)
        {
            client.Close(0); // a reset tells the client what it would have got from the container
        }
    }

    private static async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[BufferSize];
        while (await from.ReceiveAsync(buffer) is var count and > 0)
            for (int sent = 0; sent < count;) sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
        to.Shutdown(SocketShutdown.Send);
    }
}
