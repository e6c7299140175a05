using System.Buffers.Binary;
using Wharf.Linux.Fds;
using Wharf.Linux.Sockets;
using Wharf.Runtime.Shim;

namespace Wharf.Runtime.NameServer;

/// <summary>A connection to a name server: messages behind their lengths (RFC 1035 4.2.2), several in a row if the client likes.</summary>
internal sealed class DnsTcpClient : IDnsClient
{
    private const int MaxQuery = 4096;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly EventLoop _loop;
    private readonly Fd _socket;
    private readonly DnsSandbox _sandbox;
    private readonly byte[] _buffer = new byte[2 + MaxQuery];
    private int _filled;
    private bool _closed, _active;

    public DnsTcpClient(EventLoop loop, Fd socket, DnsSandbox sandbox)
    {
        (_loop, _socket, _sandbox) = (loop, socket, sandbox);
        loop.Add(socket, Poll.In, _ => Receive());
        loop.After(Patience, CloseIfIdle);
    }

    private void CloseIfIdle()
    {
        if (_closed) return;
        if (!_active)
        {
            Close();
            return;
        }
        _active = false;
        _loop.After(Patience, CloseIfIdle);
    }

    private void Receive()
    {
        int count = InetSocket.Receive(_socket, _buffer.AsSpan(_filled));
        if (count == InetSocket.WouldBlock) return;
        if (count <= 0)
        {
            Close();
            return;
        }
        _filled += count;
        _active = true;
        int at = 0;
        while (!_closed && _filled - at >= 2)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(at));
            if (length > MaxQuery)
            {
                Close();
                return;
            }
            if (_filled - at - 2 < length) break;
            _sandbox.Handle(_buffer.AsSpan(at + 2, length), this);
            at += 2 + length;
        }
        _buffer.AsSpan(at, _filled - at).CopyTo(_buffer);
        _filled -= at;
    }

    public void Reply(ReadOnlySpan<byte> message)
    {
        if (_closed) return;
        var framed = new byte[2 + message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)message.Length);
        message.CopyTo(framed.AsSpan(2));
        // A client that asks on and on without reading what it is told fills its socket: it is let go.
        if (InetSocket.Send(_socket, framed) != framed.Length) Close();
    }

    public void Close()
    {
        if (_closed) return;
        _closed = true;
        _loop.Remove(_socket);
        _socket.Dispose();
        _sandbox.Forget(this);
    }
}
