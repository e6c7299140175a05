using System.Collections.Concurrent;
using System.Net;
using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Sockets;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Shim;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.NameServer;

/// <summary>
/// A container's name server as sockets in its network namespace. They listen beside port 53, to which the namespace's own rules turn
/// them (the engine puts those in), so that a container may serve port 53 itself.
/// </summary>
internal sealed record DnsSockets(Fd Namespace, Fd Udp, Fd Tcp) : IDisposable
{
    private const int CLONE_NEWNET = 0x40000000, StackSize = 128 << 10, Backlog = 64;

    /// <summary>Opens them from any thread: one of its own enters the namespace and ends.</summary>
    public static DnsSockets Open(string namespacePath)
    {
        DnsSockets? opened = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try { opened = OpenHere(namespacePath); }
            catch (Exception error) { failure = error; }
        }, StackSize);
        thread.Start();
        thread.Join();
        return opened ?? throw new IOException($"cannot open the name server's sockets: {failure!.Message}", failure);
    }

    private static DnsSockets OpenHere(string path)
    {
        var space = OpenAt.Open(path, O.RDONLY);
        Fd? udp = null;
        try
        {
            SyscallException.Check(Libc.setns(space.Value, CLONE_NEWNET), "setns", path);
            var at = new IPEndPoint(IPAddress.Parse(DnsAddress.Listen), DnsAddress.ListenPort);
            udp = InetSocket.BindUdp(at);
            return new DnsSockets(space, udp, InetSocket.ListenTcp(at, Backlog));
        }
        catch
        {
            udp?.Dispose();
            space.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Tcp.Dispose();
        Udp.Dispose();
        Namespace.Dispose();
    }
}

/// <summary>Opens sockets to name servers that are asked from a container's namespace: a thread of its own moves from one to the next.</summary>
internal sealed class DnsSocketOpener(EventLoop loop)
{
    private const int CLONE_NEWNET = 0x40000000, StackSize = 128 << 10;
    private readonly BlockingCollection<(Fd Namespace, IPEndPoint Server, bool Tcp, Action<Fd?> Opened)> _wanted = [];
    private Thread? _thread;

    /// <summary>Gives the connected socket, or null, to <paramref name="opened"/> on the event loop.</summary>
    public void Open(Fd space, IPEndPoint server, bool tcp, Action<Fd?> opened)
    {
        bool held = false;
        space.DangerousAddRef(ref held); // the container may end meanwhile
        _wanted.Add((space, server, tcp, opened));
        if (_thread is not null) return;
        _thread = new Thread(Run, StackSize) { IsBackground = true };
        _thread.Start();
    }

    private void Run()
    {
        foreach (var (space, server, tcp, opened) in _wanted.GetConsumingEnumerable())
        {
            Fd? socket = null;
            try
            {
                if (Libc.setns(space.Value, CLONE_NEWNET) == 0) socket = tcp ? InetSocket.ConnectTcp(server) : InetSocket.ConnectUdp(server);
            }
            catch (SyscallException) { /* no route, or no descriptors: another server may answer */ }
            space.DangerousRelease();
            loop.Post(() => opened(socket));
        }
    }
}
