using System.Net;
using Wharf.Linux.Fds;
using Wharf.Linux.Sockets;
using Wharf.Runtime.Shim;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.NameServer;

/// <summary>Where an answer goes.</summary>
internal interface IDnsClient
{
    void Reply(ReadOnlySpan<byte> message);
}

/// <summary>The name server of one container: what its networks know it answers, the rest it passes on.</summary>
internal sealed class DnsSandbox
{
    // A busy client must not keep the loop from others.
    private const int QueriesAtOnce = 64, MostConnections = 32, MaxQuery = 4096;

    private static readonly byte[] Query = new byte[MaxQuery];
    private static readonly byte[] Answer = new byte[65535];
    private static readonly List<DnsHost> Found = [];

    private readonly EventLoop _loop;
    private readonly string _id;
    private readonly DnsSockets _sockets;
    private readonly DnsNames _names;
    private readonly DnsForwarder _forwarder;
    private readonly List<DnsTcpClient> _connections = [];
    private DnsResolver _settings = new();

    public DnsSandbox(EventLoop loop, string id, DnsSockets sockets, DnsNames names, DnsForwarder forwarder, DnsResolver? settings)
    {
        (_loop, _id, _sockets, _names, _forwarder) = (loop, id, sockets, names, forwarder);
        Configure(settings);
        loop.Add(sockets.Udp, Poll.In, _ => Guarded(ReceiveAll));
        loop.Add(sockets.Tcp, Poll.In, _ => Guarded(AcceptAll));
    }

    // The loop supervises all containers: when one's name server runs into the limits of the machine, the others must not notice.
    private void Guarded(Action work)
    {
        try { work(); }
        catch (IOException error) { Console.Error.WriteLine($"{_id}: name server: {error.Message}"); }
    }

    public IReadOnlyList<(IPEndPoint Server, bool FromHost)> Servers { get; private set; } = [];
    public Fd Namespace => _sockets.Namespace;
    public bool Closed { get; private set; }
    /// <summary>Questions passed on and not yet answered.</summary>
    public int Forwarded { get; set; }

    public void Configure(DnsResolver? settings)
    {
        _settings = settings ?? new DnsResolver();
        Servers = [.. _settings.Servers.Where(server => IPAddress.TryParse(server.Address, out _)).Select(server => (new IPEndPoint(IPAddress.Parse(server.Address), DnsAddress.Port), server.FromHost))];
    }

    private void ReceiveAll()
    {
        Span<byte> sender = stackalloc byte[InetSocket.AddressSize];
        for (int i = 0; i < QueriesAtOnce && !Closed; i++)
        {
            int count = InetSocket.ReceiveFrom(_sockets.Udp, Query, sender, out int length);
            if (count < 0) return;
            var from = sender[..length];
            int answer = Handle(Query.AsSpan(0, count), udp: true, out bool forward);
            if (forward) _forwarder.Forward(this, Query.AsSpan(0, count), tcp: false, new DnsUdpClient(this, from.ToArray()));
            else if (answer > 0) Send(Answer.AsSpan(0, answer), from);
        }
    }

    /// <summary>What does not fit the client's queue is lost, as datagrams are.</summary>
    public void Send(ReadOnlySpan<byte> message, ReadOnlySpan<byte> to)
    {
        if (!Closed) _ = InetSocket.SendTo(_sockets.Udp, message, to);
    }

    /// <summary>A query that came by a connection.</summary>
    public void Handle(ReadOnlySpan<byte> query, DnsTcpClient client)
    {
        int length = Handle(query, udp: false, out bool forward);
        if (forward) _forwarder.Forward(this, query, tcp: true, client);
        else if (length > 0) client.Reply(Answer.AsSpan(0, length));
    }

    /// <summary>Answers into <see cref="Answer"/>: the length, 0 for nothing at all; or the question is one to pass on.</summary>
    private int Handle(ReadOnlySpan<byte> query, bool udp, out bool forward)
    {
        forward = false;
        Span<char> text = stackalloc char[DnsQuestion.MaxName];
        if (!DnsQuestion.TryRead(query, text, out var question)) return NotUnderstood(query);
        int limit = udp ? question.UdpSize : Answer.Length;
        bool known = question is { Class: DnsQuestion.IN, Type: DnsQuestion.A or DnsQuestion.AAAA or DnsQuestion.MX } && _names.TryFind(_id, question.Name, Found);
        var pointed = question is { Class: DnsQuestion.IN, Type: DnsQuestion.PTR } ? _names.FindAddress(_id, question.Name) : null;
        if (known || pointed is not null)
        {
            var answer = new DnsAnswer(Answer, query, question, DnsAnswer.NoError, recursion: true, limit);
            if (pointed is not null) answer.AddPointer($"{pointed.Name}.{pointed.NetworkName}");
            else if (question.Type != DnsQuestion.MX) AddAddresses(ref answer, question.Type == DnsQuestion.AAAA);
            return answer.Finish(question.HasEdns);
        }
        if (_settings.KeepsBareNames && question.Type is DnsQuestion.A or DnsQuestion.AAAA && !question.Name.Contains('.'))
            return new DnsAnswer(Answer, query, question, DnsAnswer.NoError, recursion: true, limit).Finish(question.HasEdns);
        forward = Servers.Count > 0;
        return forward ? 0 : Fail(query, question);
    }

    private static void AddAddresses(ref DnsAnswer answer, bool v6)
    {
        // Hosts of one name are given in another order each time, so that clients spread.
        if (Found.Count > 1) Random.Shared.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(Found));
        foreach (var host in Found)
            if ((v6 ? host.IPv6 : host.IPv4) is { } address && !answer.AddAddress(address)) return;
    }

    private static int Fail(ReadOnlySpan<byte> query, in DnsQuestion question) =>
        new DnsAnswer(Answer, query, question, DnsAnswer.ServerFailure, recursion: false, Answer.Length).Finish(edns: false);

    /// <summary>SERVFAIL to a query, for those that were passed on in vain.</summary>
    public static ReadOnlySpan<byte> Failure(ReadOnlySpan<byte> query)
    {
        Span<char> text = stackalloc char[DnsQuestion.MaxName];
        return DnsQuestion.TryRead(query, text, out var question) ? Answer.AsSpan(0, Fail(query, question)) : [];
    }

    // NOTIMP with a bare header; what is no query at all, or a response, is not answered.
    private static int NotUnderstood(ReadOnlySpan<byte> query)
    {
        if (query.Length < 12 || (query[2] & 0x80) != 0) return 0;
        query[..12].CopyTo(Answer);
        Answer[2] = (byte)(0x80 | (query[2] & 0x79));
        Answer[3] = 4;
        Answer.AsSpan(4, 8).Clear();
        return 12;
    }

    private void AcceptAll()
    {
        while (InetSocket.Accept(_sockets.Tcp) is { } socket)
        {
            if (_connections.Count < MostConnections) _connections.Add(new DnsTcpClient(_loop, socket, this));
            else socket.Dispose();
        }
    }

    public void Forget(DnsTcpClient client) => _connections.Remove(client);

    public void Close()
    {
        Closed = true;
        _loop.Remove(_sockets.Udp);
        _loop.Remove(_sockets.Tcp);
        foreach (var connection in _connections.ToArray()) connection.Close();
        _sockets.Dispose();
    }
}

/// <summary>The sender of a datagram.</summary>
internal sealed class DnsUdpClient(DnsSandbox sandbox, byte[] address) : IDnsClient
{
    public void Reply(ReadOnlySpan<byte> message) => sandbox.Send(message, address);
}
