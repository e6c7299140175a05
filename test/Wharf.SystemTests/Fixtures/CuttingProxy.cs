using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Wharf.SystemTests.Fixtures;

/// <summary>
/// Stands before a registry and cuts answers with blobs at random, or stops sending. It remembers which bytes of each blob were passed on, so that a
/// test can tell what was fetched twice.
/// </summary>
public sealed class CuttingProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly Random _random = new(4711);
    private readonly Dictionary<string, List<(long From, long Until)>> _sent = [];

    public CuttingProxy(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>Most bytes of a blob passed on by one connection; null cuts nothing.</summary>
    public int? MostBytes { get; set; }

    /// <summary>Pause after each piece, for transfers that can be caught in the middle.</summary>
    public TimeSpan Pause { get; set; }

    public int Cuts { get; private set; }

    /// <summary>Most connections that passed on blobs at the same time.</summary>
    public int MostAtOnce { get; private set; }
    private int _now;

    /// <summary>Bytes of blobs passed on, and those that had been passed on before.</summary>
    public (long Sent, long Again) Bytes()
    {
        lock (_sent)
        {
            long sent = 0, again = 0;
            foreach (var ranges in _sent.Values)
            {
                long end = 0;
                foreach (var (from, until) in ranges.OrderBy(range => range.From))
                {
                    sent += until - from;
                    again += Math.Max(0, Math.Min(end, until) - from);
                    end = Math.Max(end, until);
                }
            }
            return (sent, again);
        }
    }

    public void Forget() { lock (_sent) _sent.Clear(); }

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
                if (await ReadHeadAsync(stream) is not { } head || !head.Contains(" HTTP/1.1", StringComparison.Ordinal)) return;
                using var upstream = new TcpClient();
                await upstream.ConnectAsync(IPAddress.Loopback, _target);
                var target = upstream.GetStream();
                await target.WriteAsync(Encoding.ASCII.GetBytes(head.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal)));
                if (await ReadHeadAsync(target) is not { } answer) return;
                await stream.WriteAsync(Encoding.ASCII.GetBytes(answer.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal)));
                await RelayAsync(target, stream, head, answer);
            }
            catch (Exception error) when (error is IOException or SocketException) { /* one of the two is gone */ }
        }
    }

    private async Task RelayAsync(NetworkStream from, NetworkStream to, string head, string answer)
    {
        var path = head.Split(' ')[1];
        bool isBlob = head.StartsWith("GET ", StringComparison.Ordinal) && path.Contains("/blobs/", StringComparison.Ordinal) && (answer.Contains(" 200 ", StringComparison.Ordinal) || answer.Contains(" 206 ", StringComparison.Ordinal));
        long start = isBlob && answer.Contains(" 206 ", StringComparison.Ordinal) ? RangeOf(head) : 0;
        long limit = isBlob && MostBytes is { } most ? _random.Next(1, most) : long.MaxValue;
        long passed = 0;
        if (isBlob) lock (_sent) MostAtOnce = Math.Max(MostAtOnce, ++_now);
        var buffer = new byte[16384];
        try
        {
            for (int count; (count = await from.ReadAsync(buffer)) > 0 && passed < limit;)
            {
                int use = (int)Math.Min(count, limit - passed);
                await to.WriteAsync(buffer.AsMemory(0, use));
                passed += use;
                if (isBlob && Pause > TimeSpan.Zero) await Task.Delay(Pause);
            }
            if (passed == limit) Cuts++;
        }
        finally
        {
            if (isBlob)
                lock (_sent)
                {
                    if (!_sent.TryGetValue(path, out var ranges)) _sent[path] = ranges = [];
                    ranges.Add((start, start + passed));
                    _now--;
                }
        }
    }

    private static long RangeOf(string head)
    {
        int at = head.IndexOf("bytes=", StringComparison.Ordinal);
        return at < 0 ? 0 : long.Parse(head.AsSpan(at + 6, head.IndexOf('-', at) - at - 6));
    }

    private static async Task<string?> ReadHeadAsync(NetworkStream stream)
    {
        var head = new List<byte>();
        var one = new byte[1];
        while (!(head.Count >= 4 && head[^1] == '\n' && head[^2] == '\r' && head[^3] == '\n'))
        {
            // No TLS here.
            if (await stream.ReadAsync(one) == 0 || (head.Count == 0 && one[0] == 0x16)) return null;
            head.Add(one[0]);
        }
        return Encoding.ASCII.GetString([.. head]);
    }

    public void Dispose() => _listener.Dispose();
}
