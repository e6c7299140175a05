using System.Net;
using System.Net.Sockets;

namespace Wharf.SystemTests.Fixtures;

/// <summary>A TCP line to a server on loopback that passes bytes both ways, counts those that go up, and can be slow or cut.</summary>
public sealed class CuttingLine : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private long _up;
    private int _cuts;

    public CuttingLine(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>A connection that has taken so many bytes up is cut; null cuts none.</summary>
    public int? MostBytes { get; set; }

    /// <summary>So many are cut.</summary>
    public int MostCuts { get; set; } = int.MaxValue;

    /// <summary>Pause after each piece that goes up.</summary>
    public TimeSpan Pause { get; set; }

    public long Up => Interlocked.Read(ref _up);

    public int Cuts => _cuts;

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
        using (var server = new TcpClient())
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _target);
                var up = UpAsync(client.GetStream(), server.GetStream());
                await Task.WhenAny(up, server.GetStream().CopyToAsync(client.GetStream()));
            }
            catch (Exception error) when (error is IOException or SocketException) { /* one of the two is gone */ }
        }
    }

    private async Task UpAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[16384];
        long passed = 0;
        for (int count; (count = await from.ReadAsync(buffer)) > 0;)
        {
            if (MostBytes is { } most && passed + count > most && _cuts < MostCuts)
            {
                Interlocked.Increment(ref _cuts);
                return;
            }
            await to.WriteAsync(buffer.AsMemory(0, count));
            passed += count;
            Interlocked.Add(ref _up, count);
            if (Pause > TimeSpan.Zero) await Task.Delay(Pause);
        }
    }

    public void Dispose() => _listener.Dispose();
}
