using System.Net;
using System.Net.Sockets;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>
/// Published host ports held by bound sockets, so that no other program takes them and the kernel finds free ones. What the firewall does not
/// turn to the container first is passed on from here; <c>relaysAll</c>: there is no firewall, and everything is. With <c>outside</c> the daemon has a network of
/// its own, where a port of any number is held, and the host's port is listened on by the program that joins the two.
/// </summary>
internal sealed class PortHolder(bool relaysAll, OutsidePorts? outside, Func<string, string> nameOf)
{
    // SCTP is not in the framework's list of protocols; its number is.
    private const int IPPROTO_SCTP = 132, RandomAttempts = 16;

    private readonly Dictionary<(int Port, string Protocol), Dictionary<IPAddress, Held>> _held = [];
    private readonly Dictionary<string, List<(int Port, string Protocol, IPAddress Address)>> _byContainer = [];
    private readonly Lock _lock = new();

    private sealed record Held(Socket Socket, string ContainerId, long? Outside);

    /// <summary>Whether ports can be had on IPv4 addresses alone.</summary>
    public bool OnlyIPv4 => outside is not null;

    /// <summary>Holds the port of a mapping; port 0 takes a free one. Returns the port held. Errors are in docker's words.</summary>
    public int Hold(string containerId, PortMapping mapping, IPAddress containerAddress)
    {
        var address = mapping.HostAddress.Length == 0 ? IPAddress.Any : IPAddress.Parse(mapping.HostAddress);
        var shown = Shown(address);
        lock (_lock)
        {
            if (mapping.HostPort != 0 && _held.TryGetValue((mapping.HostPort, mapping.Protocol), out var taken) && taken.FirstOrDefault(other => Overlap(other.Key, address)) is { Key: not null } holder)
                throw new WharfException(ErrorKind.Internal, $"Bind for {shown}:{mapping.HostPort} failed: port is already allocated by container {nameOf(holder.Value.ContainerId)}");
            var what = $"{shown}:{mapping.HostPort}:{Shown(containerAddress)}:{mapping.ContainerPort}/{mapping.Protocol}";
            var (socket, port, passed) = outside is null ? HoldHere(address, mapping, what) : HoldOutside(outside, address, mapping, what);
            if (!_held.TryGetValue((port, mapping.Protocol), out var byAddress)) _held[(port, mapping.Protocol)] = byAddress = [];
            byAddress[address] = new Held(socket, containerId, passed);
            if (!_byContainer.TryGetValue(containerId, out var list)) _byContainer[containerId] = list = [];
            list.Add((port, mapping.Protocol, address));
            var target = new IPEndPoint(containerAddress, mapping.ContainerPort);
            // Connections come here from ::1, over IPv6 to a container without it, and while someone has removed the firewall's rules.
            if (mapping.Protocol == "tcp") _ = LoopbackRelay.RunAsync(socket, target);
            else if (mapping.Protocol == "udp" && (mapping.Relayed || relaysAll)) _ = DatagramRelay.RunAsync(socket, target);
            return port;
        }
    }

    private static (Socket Socket, int Port, long? Outside) HoldHere(IPAddress address, PortMapping mapping, string what)
    {
        var socket = Bind(address, mapping.HostPort, mapping.Protocol, what);
        return (socket, ((IPEndPoint)socket.LocalEndPoint!).Port, null);
    }

    // A free port of the host's is found by asking for the number of one that is free here.
    private static (Socket Socket, int Port, long? Outside) HoldOutside(OutsidePorts outside, IPAddress address, PortMapping mapping, string what)
    {
        for (int attempt = 1; ; attempt++)
        {
            var socket = BindLocal(mapping, what);
            try
            {
                int local = ((IPEndPoint)socket.LocalEndPoint!).Port, port = mapping.HostPort != 0 ? mapping.HostPort : local;
                long passed = outside.Listen(mapping.Protocol, address, port, local, what);
                mapping.LocalPort = local;
                return (socket, port, passed);
            }
            catch (WharfException)
            {
                socket.Dispose();
                if (mapping.HostPort != 0 || attempt == RandomAttempts) throw;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    // The firewall's rules of a container that runs on name the port it had; else the host's number is the one to take, where it is free: it explains itself.
    private static Socket BindLocal(PortMapping mapping, string what)
    {
        try { return Bind(IPAddress.Any, mapping.ArrivalPort, mapping.Protocol, what); }
        catch (WharfException) when (mapping is { LocalPort: 0, HostPort: not 0 }) { return Bind(IPAddress.Any, 0, mapping.Protocol, what); }
    }

    private static string Shown(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();

    private static bool Overlap(IPAddress one, IPAddress other) =>
        one.AddressFamily == other.AddressFamily && (one.Equals(other) || one.Equals(IPAddress.Any) || other.Equals(IPAddress.Any) || one.Equals(IPAddress.IPv6Any) || other.Equals(IPAddress.IPv6Any));

    private static Socket Bind(IPAddress address, int port, string protocol, string what)
    {
        try
        {
            var socket = protocol switch
            {
                "tcp" => new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp),
                "udp" => new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp),
                _ => new Socket(address.AddressFamily, SocketType.Stream, (ProtocolType)IPPROTO_SCTP),
            };
            try
            {
                if (address.AddressFamily == AddressFamily.InterNetworkV6) socket.DualMode = false;
                socket.Bind(new IPEndPoint(address, port));
                // Bound and not listening, another program could still bind with SO_REUSEADDR: listening it cannot.
                if (protocol == "tcp") socket.Listen();
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
                SocketError.AddressAlreadyInUse => "address already in use" + (PortOwner.Find(port, protocol) is { } owner ? $" by {owner}" : ""),
                SocketError.AddressNotAvailable => "cannot assign requested address",
                SocketError.AccessDenied => "permission denied",
                SocketError.ProtocolNotSupported => "protocol not supported",
                _ => error.Message,
            };
            throw new WharfException(ErrorKind.Internal, $"failed to bind host port for {what}: {words}", error);
        }
    }

    /// <summary>Lets go of one port.</summary>
    public void Release(PortMapping mapping)
    {
        lock (_lock) Release(mapping.HostPort, mapping.Protocol, mapping.HostAddress.Length == 0 ? IPAddress.Any : IPAddress.Parse(mapping.HostAddress));
    }

    /// <summary>Lets go of all ports of a container.</summary>
    public void Release(string containerId)
    {
        lock (_lock)
        {
            if (!_byContainer.Remove(containerId, out var list)) return;
            // A port that was let go of singly may be another container's by now.
            foreach (var (port, protocol, address) in list)
                if (_held.TryGetValue((port, protocol), out var byAddress) && byAddress.TryGetValue(address, out var held) && held.ContainerId == containerId) Release(port, protocol, address);
        }
    }

    private void Release(int port, string protocol, IPAddress address)
    {
        if (!_held.TryGetValue((port, protocol), out var byAddress) || !byAddress.Remove(address, out var held)) return;
        held.Socket.Dispose();
        if (held.Outside is { } passed) outside!.Remove(passed);
        if (byAddress.Count == 0) _held.Remove((port, protocol));
    }
}
