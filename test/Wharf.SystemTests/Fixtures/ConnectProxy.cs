using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Wharf.SystemTests.Fixtures;

/// <summary>An HTTP proxy that leads every name to one port of 127.0.0.1, by CONNECT or asked for a whole URL (which the server behind it understands, RFC 9112 section 3.2.2).</summary>
public sealed class ConnectProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly string? _authorization;
    private readonly List<string> _hosts = [];

    /// <summary>With <paramref name="credentials"/> (<c>user:password</c>) it serves nobody else.</summary>
    public ConnectProxy(int target, string? credentials = null)
    {
        _target = target;
        _authorization = credentials is null ? null : "Proxy-Authorization: Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials));
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
    /// <summary>Whom it was asked for, once a connection.</summary>
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
                var lines = head.ToString().Split("\r\n");
                if (_authorization is not null && !lines.Contains(_authorization))
                {
                    await stream.WriteAsync("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
                    return;
                }
                var words = lines[0].Split(' ');
                bool isTunnel = words[0] == "CONNECT";
                lock (_hosts) _hosts.Add(isTunnel ? words[1] : new Uri(words[1]).Authority);
                using var upstream = new TcpClient();
                await upstream.ConnectAsync(IPAddress.Loopback, _target);
                var target = upstream.GetStream();
                if (isTunnel) await stream.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray());
                else await target.WriteAsync(Encoding.Latin1.GetBytes(head.ToString()));
                await Task.WhenAny(stream.CopyToAsync(target), target.CopyToAsync(stream));
            }
            catch (Exception error) when (error is IOException or SocketException) { /* one of the two is gone */ }
        }
    }

    public void Dispose() => _listener.Dispose();
}
