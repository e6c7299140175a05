using System.Net;
using System.Net.Sockets;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>
/// Published host ports held by bound sockets, so that no other program takes them and the kernel finds free ones. Packets never get to
/// these sockets: the firewall turns them to the container first.
/// </summary>
internal sealed class PortHolder
{
    private readonly Dictionary<(string Address, int Port, string Protocol), (Socket Socket, string ContainerId)> _held = [];
    private readonly Lock _lock = new();

    /// <summary>Holds the port of a mapping; port 0 takes a free one. Returns the port held. Errors are in docker's words.</summary>
    public int Hold(string containerId, PortMapping mapping, string containerAddress)
    {
        var address = mapping.HostAddress.Length == 0 ? "0.0.0.0" : mapping.HostAddress;
        lock (_lock)
        {
            if (mapping.HostPort != 0 && _held.Keys.Any(key => key.Port == mapping.HostPort && key.Protocol == mapping.Protocol && (key.Address == address || key.Address == "0.0.0.0" || address == "0.0.0.0")))
                throw new WharfException(ErrorKind.Internal, $"Bind for {address}:{mapping.HostPort} failed: port is already allocated");
            var socket = Bind(IPAddress.Parse(address), mapping, $"{address}:{mapping.HostPort}:{containerAddress}:{mapping.ContainerPort}/{mapping.Protocol}");
            int port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            _held[(address, port, mapping.Protocol)] = (socket, containerId);
            return port;
        }
    }

    private static Socket Bind(IPAddress address, PortMapping mapping, string what)
    {
        // SCTP is not in the framework's list of protocols; its number is.
        const int IPPROTO_SCTP = 132;
        try
        {
            var socket = mapping.Protocol switch
            {
                "tcp" => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp),
                "udp" => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp),
                _ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, (ProtocolType)IPPROTO_SCTP),
            };
            try
            {
                socket.Bind(new IPEndPoint(address, mapping.HostPort));
                // Bound and not listening, another program could still bind with SO_REUSEADDR: listening it cannot.
                if (mapping.Protocol == "tcp") socket.Listen(1);
                return socket;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        catch (SocketException error)
        {
            var words = error.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => "address already in use",
                SocketError.AddressNotAvailable => "cannot assign requested address",
                SocketError.AccessDenied => "permission denied",
                _ => error.Message,
            };
            throw new WharfException(ErrorKind.Internal, $"failed to bind host port for {what}: {words}", error);
        }
    }

    /// <summary>Lets go of all ports of a container.</summary>
    public void Release(string containerId)
    {
        lock (_lock)
        {
            foreach (var (key, held) in _held.Where(entry => entry.Value.ContainerId == containerId).ToList())
            {
                held.Socket.Dispose();
                _held.Remove(key);
            }
        }
    }
}
