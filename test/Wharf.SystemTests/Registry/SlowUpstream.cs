using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Wharf.SystemTests.Registry;

/// <summary>An upstream that sends the first half of its one blob and the rest only when it is told to.</summary>
public sealed class SlowUpstream : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly byte[] _blob;
    private readonly TaskCompletionSource _rest = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _accepting;
    private int _gets;

    public SlowUpstream(byte[] blob)
    {
        _blob = blob;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Authority => _listener.LocalEndpoint.ToString()!;
    /// <summary>How often the blob's bytes were asked for.</summary>
    public int Gets => _gets;
    public void SendRest() => _rest.TrySetResult();

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException) { /* stopped */ }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        var stream = client.GetStream();
        try
        {
            var first = new byte[1];
            // TLS is tried first, and is to find nobody at once.
            if (await stream.ReadAsync(first) == 0 || first[0] == 0x16) return;
            using var reader = new StreamReader(stream, Encoding.ASCII);
            for (var begin = (char)first[0] + ""; await reader.ReadLineAsync() is { } rest; begin = "")
            {
                var line = begin + rest;
                while (await reader.ReadLineAsync() is { Length: > 0 }) { /* its headers */ }
                bool isBlob = line.Contains("/blobs/", StringComparison.Ordinal);
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {(isBlob ? _blob.Length : 2)}\r\nContent-Type: application/octet-stream\r\n\r\n"));
                if (line.StartsWith("HEAD", StringComparison.Ordinal)) continue;
                if (!isBlob)
                {
                    await stream.WriteAsync("{}"u8.ToArray());
                    continue;
                }
                Interlocked.Increment(ref _gets);
                await stream.WriteAsync(_blob.AsMemory(0, _blob.Length / 2));
                await _rest.Task;
                await stream.WriteAsync(_blob.AsMemory(_blob.Length / 2));
            }
        }
        catch (IOException) { /* the client went away */ }
    }

    public async ValueTask DisposeAsync()
    {
        SendRest();
        _listener.Stop();
        await _accepting;
    }
}
