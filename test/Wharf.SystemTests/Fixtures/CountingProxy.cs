using System.Net.Sockets;

namespace Wharf.SystemTests.Fixtures;

/// <summary>Stands before an engine's socket and counts what clients send through it.</summary>
internal sealed class CountingProxy : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _path, _target;
    private long _sent;

    public CountingProxy(string path, string target)
    {
        (_path, _target) = (path, target);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _ = AcceptAsync();
    }

    public string Host => "unix://" + _path;

    /// <summary>The bytes that clients have sent since the last time this was asked.</summary>
    public long TakeSent() => Interlocked.Exchange(ref _sent, 0);

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await _listener.AcceptAsync());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException) { /* the test is over */ }
    }

    private async Task ServeAsync(Socket client)
    {
        using var own = client;
        using var engine = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await engine.ConnectAsync(new UnixDomainSocketEndPoint(_target));
        await Task.WhenAll(PassOnAsync(client, engine, counted: true), PassOnAsync(engine, client, counted: false));
    }

    private async Task PassOnAsync(Socket from, Socket to, bool counted)
    {
        var buffer = new byte[64 << 10];
        try
        {
            int count;
            while ((count = await from.ReceiveAsync(buffer)) > 0)
            {
                if (counted) Interlocked.Add(ref _sent, count);
                for (int done = 0; done < count;) done += await to.SendAsync(buffer.AsMemory(done, count - done));
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException) { /* one side has left: so does the other */ }
    }

    public void Dispose()
    {
        _listener.Dispose();
        File.Delete(_path);
    }
}
