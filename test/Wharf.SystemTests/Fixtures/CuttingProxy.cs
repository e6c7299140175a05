using System.Net;
using System.Net.Sockets;
using System.Text;
using Wharf.Linux.Fds;

namespace Wharf.SystemTests.Fixtures;

/// <summary>How the passing on of a blob ended: to its end, cut by the proxy, or left by the client.</summary>
public enum TransferEnd { Whole, Cut, Left }

/// <summary>Bytes of a blob that were passed on by one connection. Of one that was cut, all of them were the client's to read.</summary>
public sealed record Transfer(string Path, long From, long Until, TransferEnd End);

/// <summary>
/// Stands before a registry and cuts answers with blobs at random, or stops sending, or cuts uploads. It remembers which bytes of each blob were passed on, so that a
/// test can tell what was fetched twice.
/// </summary>
public sealed class CuttingProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly Random _random = new(4711);
    private readonly List<Transfer> _transfers = [];

    public CuttingProxy(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>Most bytes of a blob passed on by one connection; null cuts nothing.</summary>
    public int? MostBytes { get; set; }

    /// <summary>Cuts by a reset and not by an orderly end, once the client's kernel has acknowledged what was passed on.</summary>
    public bool Resets { get; set; }

    /// <summary>Uploads that are still to be cut, each after at most <see cref="MostBytes"/> of its body; those that are shorter pass.</summary>
    public int UploadsToCut { get; set; }

    public int UploadsCut { get; private set; }

    /// <summary>Requests that are still to be answered with an error of the server's.</summary>
    public int Failures { get; set; }

    /// <summary>Pause after each piece, for transfers that can be caught in the middle.</summary>
    public TimeSpan Pause { get; set; }

    public int Cuts { get; private set; }

    /// <summary>Most connections that passed on blobs at the same time.</summary>
    public int MostAtOnce { get; private set; }
    private int _now;

    /// <summary>What was passed on of blobs, in the order in which it ended.</summary>
    public IReadOnlyList<Transfer> Transfers { get { lock (_transfers) return [.. _transfers]; } }

    /// <summary>Bytes of blobs passed on, and those that had been passed on before.</summary>
    public (long Sent, long Again) Bytes()
    {
        long sent = 0, again = 0;
        foreach (var ranges in Transfers.GroupBy(transfer => transfer.Path))
        {
            long end = 0;
            foreach (var (_, from, until, _) in ranges.OrderBy(range => range.From))
            {
                sent += until - from;
                again += Math.Max(0, Math.Min(end, until) - from);
                end = Math.Max(end, until);
            }
        }
        return (sent, again);
    }

    public void Forget() { lock (_transfers) _transfers.Clear(); }

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
                if (Failures > 0)
                {
                    Failures--;
                    await stream.WriteAsync("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
                    return;
                }
                using var upstream = new TcpClient();
                await upstream.ConnectAsync(IPAddress.Loopback, _target);
                var target = upstream.GetStream();
                await target.WriteAsync(Encoding.ASCII.GetBytes(head.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal)));
                if (head.StartsWith("PUT ", StringComparison.Ordinal) || head.StartsWith("PATCH ", StringComparison.Ordinal)) _ = PassUploadAsync(client, upstream);
                if (await ReadHeadAsync(target) is not { } answer) return;
                await stream.WriteAsync(Encoding.ASCII.GetBytes(answer.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal)));
                await RelayAsync(target, client, head, answer);
            }
            catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException) { /* one of the two is gone */ }
        }
    }

    private async Task PassUploadAsync(TcpClient client, TcpClient upstream)
    {
        try
        {
            long rest = UploadsToCut > 0 ? _random.Next(1, MostBytes!.Value) : long.MaxValue;
            var (from, to) = (client.GetStream(), upstream.GetStream());
            var buffer = new byte[16384];
            for (int count; (count = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, rest)))) > 0; rest -= count) await to.WriteAsync(buffer.AsMemory(0, count));
            if (rest > 0) return;
            UploadsToCut--;
            UploadsCut++;
            client.Dispose();
            upstream.Dispose();
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException) { /* one of the two is gone */ }
    }

    private async Task RelayAsync(NetworkStream from, TcpClient client, string head, string answer)
    {
        var to = client.GetStream();
        var path = head.Split(' ')[1];
        bool isBlob = head.StartsWith("GET ", StringComparison.Ordinal) && path.Contains("/blobs/", StringComparison.Ordinal) && (answer.Contains(" 200 ", StringComparison.Ordinal) || answer.Contains(" 206 ", StringComparison.Ordinal));
        long start = isBlob && answer.Contains(" 206 ", StringComparison.Ordinal) ? RangeOf(head) : 0;
        long limit = isBlob && MostBytes is { } most ? _random.Next(1, most) : long.MaxValue;
        long passed = 0;
        if (isBlob) lock (_transfers) MostAtOnce = Math.Max(MostAtOnce, ++_now);
        var end = TransferEnd.Left;
        var buffer = new byte[16384];
        try
        {
            for (int count; passed < limit && (count = await from.ReadAsync(buffer)) > 0;)
            {
                int use = (int)Math.Min(count, limit - passed);
                await to.WriteAsync(buffer.AsMemory(0, use));
                passed += use;
                if (isBlob && Pause > TimeSpan.Zero) await Task.Delay(Pause);
            }
            end = passed == limit ? TransferEnd.Cut : TransferEnd.Whole;
            if (end == TransferEnd.Cut) await CutAsync(client);
        }
        finally
        {
            if (isBlob)
                lock (_transfers)
                {
                    _transfers.Add(new Transfer(path, start, start + passed, end));
                    _now--;
                }
        }
    }

    private async Task CutAsync(TcpClient client)
    {
        Cuts++;
        if (!Resets) return;
        while (UnreadBytes.Of(client.Client.Handle) > 0) await Task.Delay(1);
        client.LingerState = new LingerOption(true, 0);
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
