using System.Buffers.Binary;
using System.Net;
using Wharf.Linux.Fds;
using Wharf.Linux.Sockets;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Shim;

namespace Wharf.Runtime.NameServer;

/// <summary>One question on its way to name servers. Messages go as they are, but for their ID.</summary>
internal sealed class DnsExchange
{
    // Clients give up after five seconds (resolv.conf(5)): they shall hear of a failure before.
    private const long Patience = 4000, NextServerAfter = 400;
    private const byte NotImplemented = 4, FormatError = 1;

    private static readonly byte[] Received = new byte[65535];

    private readonly EventLoop _loop;
    private readonly DnsSocketOpener _opener;
    private readonly DnsSandbox _sandbox;
    private readonly byte[] _query;
    private readonly ushort _clientId;
    private readonly bool _tcp;
    private readonly IDnsClient _client;
    private readonly long _begun = Environment.TickCount64;
    private readonly List<DnsUpstream> _asked = [];
    private readonly IReadOnlyList<(IPEndPoint Server, bool FromHost)> _servers;
    private byte[]? _complaint;
    private long _lastAsked;
    private int _next;
    private bool _ended;

    public DnsExchange(EventLoop loop, DnsSocketOpener opener, DnsSandbox sandbox, byte[] query, bool tcp, IDnsClient client, ushort id)
    {
        (_loop, _opener, _sandbox, _query, _tcp, _client, _servers) = (loop, opener, sandbox, query, tcp, client, sandbox.Servers);
        _clientId = BinaryPrimitives.ReadUInt16BigEndian(query);
        BinaryPrimitives.WriteUInt16BigEndian(query, id);
    }

    public Action? OnEnd { get; set; }

    public void Begin() => AskNext();

    public void OnTick()
    {
        long now = Environment.TickCount64;
        if (_sandbox.Closed || now - _begun >= Patience) Fail();
        else if (now - _lastAsked >= NextServerAfter && _next < _servers.Count) AskNext();
    }

    private void AskNext()
    {
        if (_ended) return;
        if (_next == _servers.Count || _sandbox.Closed)
        {
            if (_asked.Count == 0) Fail();
            return;
        }
        var (server, fromHost) = _servers[_next++];
        _lastAsked = Environment.TickCount64;
        var upstream = new DnsUpstream(_loop, this, _tcp);
        _asked.Add(upstream);
        if (!fromHost)
        {
            _opener.Open(_sandbox.Namespace, server, _tcp, upstream.OnOpened);
            return;
        }
        Fd? socket = null;
        try { socket = _tcp ? InetSocket.ConnectTcp(server) : InetSocket.ConnectUdp(server); }
        catch (SyscallException) { /* no route to this one: the next is asked */ }
        upstream.OnOpened(socket);
    }

    public ReadOnlySpan<byte> Query => _query;
    public static Span<byte> Buffer => Received;

    /// <summary>A server cannot be asked, or closed the connection.</summary>
    public void OnFailed(DnsUpstream upstream)
    {
        upstream.Close();
        _asked.Remove(upstream);
        AskNext();
    }

    /// <summary>Takes what a server sent; what is no answer to this question is passed over.</summary>
    public void OnAnswer(DnsUpstream upstream, Span<byte> answer)
    {
        if (_ended || !Answers(answer)) return;
        BinaryPrimitives.WriteUInt16BigEndian(answer, _clientId);
        if ((answer[3] & 15) is DnsAnswer.ServerFailure or DnsAnswer.Refused or NotImplemented or FormatError)
        {
            _complaint ??= answer.ToArray();
            OnFailed(upstream);
            return;
        }
        End();
        _client.Reply(answer);
    }

    // The ID is ours, and the question the same, to the letter.
    private bool Answers(ReadOnlySpan<byte> answer)
    {
        if (answer.Length < 12 || (answer[2] & 0x80) == 0 || !answer[..2].SequenceEqual(_query.AsSpan(0, 2))) return false;
        Span<char> name = stackalloc char[DnsQuestion.MaxName];
        if (!DnsQuestion.TryRead(_query, name, out var question)) return false;
        // A server that cannot read the question may leave it out.
        return BinaryPrimitives.ReadUInt16BigEndian(answer[4..]) == 0 ? (answer[3] & 15) != 0 : answer.Length >= question.End && answer[12..question.End].SequenceEqual(_query.AsSpan(12, question.End - 12));
    }

    private void Fail()
    {
        if (_ended) return;
        End();
        BinaryPrimitives.WriteUInt16BigEndian(_query, _clientId);
        _client.Reply(_complaint ?? DnsSandbox.Failure(_query));
    }

    private void End()
    {
        _ended = true;
        foreach (var upstream in _asked) upstream.Close();
        _asked.Clear();
        OnEnd?.Invoke();
    }
}

/// <summary>The socket to one server.</summary>
internal sealed class DnsUpstream(EventLoop loop, DnsExchange exchange, bool tcp)
{
    private Fd? _socket;
    private byte[]? _message;
    private int _filled;
    private bool _closed, _sent;

    public void OnOpened(Fd? socket)
    {
        if (_closed)
        {
            socket?.Dispose();
            return;
        }
        if (socket is null)
        {
            exchange.OnFailed(this);
            return;
        }
        _socket = socket;
        if (tcp) loop.Add(socket, Poll.Out, _ => OnReady());
        else
        {
            loop.Add(socket, Poll.In, _ => ReceiveDatagram());
            if (InetSocket.Send(socket, exchange.Query) < 0) exchange.OnFailed(this);
        }
    }

    private void ReceiveDatagram()
    {
        int count = InetSocket.Receive(_socket!, DnsExchange.Buffer);
        if (count == InetSocket.WouldBlock) return;
        if (count < 0) exchange.OnFailed(this); // nobody listens there
        else exchange.OnAnswer(this, DnsExchange.Buffer[..count]);
    }

    private void OnReady()
    {
        if (!_sent)
        {
            var framed = new byte[2 + exchange.Query.Length];
            BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)exchange.Query.Length);
            exchange.Query.CopyTo(framed.AsSpan(2));
            if (InetSocket.ErrorOf(_socket!) != 0 || InetSocket.Send(_socket!, framed) != framed.Length)
            {
                exchange.OnFailed(this);
                return;
            }
            _sent = true;
            _message = new byte[2];
            loop.Change(_socket!, Poll.In);
            return;
        }
        int count = InetSocket.Receive(_socket!, _message.AsSpan(_filled));
        if (count == InetSocket.WouldBlock) return;
        if (count <= 0)
        {
            exchange.OnFailed(this);
            return;
        }
        _filled += count;
        if (_filled == 2 && _message!.Length == 2)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(_message);
            Array.Resize(ref _message, 2 + length);
        }
        if (_filled == _message!.Length) exchange.OnAnswer(this, _message.AsSpan(2));
    }

    public void Close()
    {
        if (_closed) return;
        _closed = true;
        if (_socket is null) return;
        loop.Remove(_socket);
        _socket.Dispose();
    }
}
