using System.Security.Cryptography;
using Wharf.Runtime.Shim;

namespace Wharf.Runtime.NameServer;

/// <summary>
/// Passes questions on. The first server is asked at once, and the next as soon as one fails or takes long: time-outs never add up,
/// and servers keep their order as long as they answer.
/// </summary>
internal sealed class DnsForwarder(EventLoop loop)
{
    private const int MostInAll = 2048, MostOfOne = 256;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private readonly LinkedList<DnsExchange> _open = new();
    private readonly DnsSocketOpener _opener = new(loop);
    private bool _ticking;

    public void Forward(DnsSandbox sandbox, ReadOnlySpan<byte> query, bool tcp, IDnsClient client)
    {
        if (_open.Count >= MostInAll || sandbox.Forwarded >= MostOfOne)
        {
            client.Reply(DnsSandbox.Failure(query));
            return;
        }
        var exchange = new DnsExchange(loop, _opener, sandbox, query.ToArray(), tcp, client, (ushort)RandomNumberGenerator.GetInt32(65536));
        sandbox.Forwarded++;
        var node = _open.AddLast(exchange);
        exchange.OnEnd = () =>
        {
            _open.Remove(node);
            sandbox.Forwarded--;
        };
        exchange.Begin();
        if (_open.Count > 0) StartTicking();
    }

    private void StartTicking()
    {
        if (_ticking) return;
        _ticking = true;
        loop.After(Tick, OnTick);
    }

    private void OnTick()
    {
        _ticking = false;
        for (var node = _open.First; node is not null;)
        {
            var next = node.Next;
            node.Value.OnTick();
            node = next;
        }
        if (_open.Count > 0) StartTicking();
    }
}
