using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Wharf.SystemTests.Fixtures;

/// <summary>An HTTP proxy for CONNECT that leads every name to one port of 127.0.0.1.</summary>
public sealed class ConnectProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly List<string> _hosts = [];

    public ConnectProxy(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
    public IReadOnlyList<string> Hosts { get { lock (_hosts) return [.. _hosts]; } }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client;
            try { client = await _listener.AcceptTcpClientAsync(); }
            catch (Exception error) when (error is SocketException or ObjectDisposedException) { return; }
            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                var head = new StringBuilder();
                var one = new byte[1];
                while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
                {
                    if (await stream.ReadAsync(one) == 0) return;
                    head.Append((char)one[0]);
                }
                var words = head.ToString().Split(' ');
                if (words[0] != "CONNECT") return;
                lock (_hosts) _hosts.Add(words[1]);
                using var upstream = new TcpClient();
                await upstream.ConnectAsync(IPAddress.Loopback, _target);
                await stream.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray());
                var target = upstream.GetStream();
                await Task.WhenAny(stream.CopyToAsync(target), target.CopyToAsync(stream));
            }
            catch (Exception error) when (error is IOException or SocketException) { /* one of the two is gone */ }
        }
    }

    public void Dispose() => _listener.Dispose();
}
