using System.Net;
using System.Net.Sockets;

namespace Wharf.Engine.Networks;

/// <summary>
/// Datagrams to a port published on IPv6 of a container that has only IPv4: passed on, and the answers back, while the daemon runs. Each
/// client has a socket of its own towards the container for as long as it is heard of.
/// </summary>
internal sealed class DatagramRelay
{
    private const int MostClients = 1024, MaxDatagram = 65535;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly Socket _listener;
    private readonly IPEndPoint _target;
    private readonly Dictionary<IPEndPoint, Socket> _clients = [];

    private DatagramRelay(Socket listener, IPEndPoint target) => (_listener, _target) = (listener, target);

    /// <summary>Until the socket is closed.</summary>
    public static Task RunAsync(Socket listener, IPEndPoint target) => new DatagramRelay(listener, target).ReceiveAsync();

    private async Task ReceiveAsync()
    {
        var buffer = new byte[MaxDatagram];
        var anyone = new IPEndPoint(IPAddress.IPv6Any, 0);
        while (true)
        {
            try
            {
                var received = await _listener.ReceiveFromAsync(buffer, anyone);
                if (ClientOf((IPEndPoint)received.RemoteEndPoint) is { } socket) await socket.SendAsync(buffer.AsMemory(0, received.ReceivedBytes));
            }
            catch (Exception error) when (error is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted }) { break; }
            catch (SocketException) { continue; } // the container refused an earlier one, or is out of reach: datagrams are lost
        }
        lock (_clients) foreach (var socket in _clients.Values) socket.Dispose();
    }

    private Socket? ClientOf(IPEndPoint client)
    {
        lock (_clients)
        {
            if (_clients.TryGetValue(client, out var known)) return known;
            if (_clients.Count >= MostClients) return null;
            var socket = new Socket(_target.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            try { socket.Connect(_target); }
            catch
            {
                socket.Dispose();
                throw;
            }
            _clients[client] = socket;
            _ = AnswerAsync(client, socket);
            return socket;
        }
    }

    private async Task AnswerAsync(IPEndPoint client, Socket socket)
    {
        var buffer = new byte[MaxDatagram];
        try
        {
            while (true)
            {
                using var patience = new CancellationTokenSource(Patience);
                int count = await socket.ReceiveAsync(buffer, patience.Token);
                await _listener.SendToAsync(buffer.AsMemory(0, count), client);
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Nothing was heard for long, or one side is gone.
            lock (_clients) _clients.Remove(client);
            socket.Dispose();
        }
    }
}
