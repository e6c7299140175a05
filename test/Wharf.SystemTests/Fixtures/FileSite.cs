using System.Net;
using System.Net.Sockets;

namespace Wharf.SystemTests.Fixtures;

/// <summary>A directory by http on a free port of 127.0.0.1, as plain web servers give it; also git repositories that have their server info.</summary>
public sealed class FileSite : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly string _root;
    private readonly Task _serving;

    public FileSite(string root)
    {
        _root = root;
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            Port = ((IPEndPoint)probe.LocalEndpoint).Port;
        }
        _listener.Prefixes.Add($"http://127.0.0.1:{Port}/");
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port { get; }
    public string Address => $"http://127.0.0.1:{Port}";

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try { context = await _listener.GetContextAsync(); }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException) { return; }
            try
            {
                var path = Path.Combine(_root, context.Request.Url!.AbsolutePath.TrimStart('/'));
                if (File.Exists(path)) await context.Response.OutputStream.WriteAsync(await File.ReadAllBytesAsync(path));
                else context.Response.StatusCode = 404;
                context.Response.Close();
            }
            catch (HttpListenerException) { /* the client is gone */ }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
        _listener.Close();
    }
}
