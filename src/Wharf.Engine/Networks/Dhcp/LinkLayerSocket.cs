using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Wharf.Engine.Networks.Dhcp;

/// <summary>
/// IPv4 packets on one interface, past the host's addresses, routes and firewall (packet(7)): a DHCP client speaks for somebody who has no
/// address yet. The frames' source is the interface's own MAC address, so that switches learn nothing wrong. The kernel lets through datagrams to one
/// port alone: the interface may have much else to carry.
/// </summary>
internal sealed class LinkLayerSocket : IDisposable
{
    private const ushort ETH_P_IP = 0x0800;
    private const int SOL_SOCKET = 1, SO_ATTACH_FILTER = 26;
    private static readonly ProtocolType Protocol = (ProtocolType)BinaryPrimitives.ReverseEndianness(ETH_P_IP);

    private readonly Socket _socket = new(AddressFamily.Packet, SocketType.Dgram, Protocol);
    private readonly int _interface;

    public LinkLayerSocket(int interfaceIndex, ushort port)
    {
        _interface = interfaceIndex;
        try
        {
            FilterFor(port);
            _socket.Bind(new LinkLayerAddress(interfaceIndex, []));
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>A program of classic BPF (linux/filter.h) over the packet from its IP header on: UDP, no later fragment, to that port.</summary>
    private unsafe void FilterFor(ushort port)
    {
        const ushort LoadByte = 0x30, LoadHalf = 0x28, LoadHalfBehindHeader = 0x48, HeaderLength = 0xb1, JumpIfEqual = 0x15, JumpIfBits = 0x45, Return = 0x06;
        ReadOnlySpan<ulong> program =
        [
            Step(LoadByte, 9), Step(JumpIfEqual, (uint)ProtocolType.Udp, otherwise: 6),
            Step(LoadHalf, 6), Step(JumpIfBits, 0x1fff, then: 4),
            Step(HeaderLength, 0), Step(LoadHalfBehindHeader, 2), Step(JumpIfEqual, port, otherwise: 1),
            Step(Return, uint.MaxValue),
            Step(Return, 0),
        ];
        fixed (ulong* steps = program)
        {
            var head = new byte[2 * sizeof(nint)]; // struct sock_fprog: how many, and where they are
            head[0] = (byte)program.Length;
            System.Runtime.InteropServices.MemoryMarshal.Write(head.AsSpan(sizeof(nint)), (nint)steps);
            _socket.SetRawSocketOption(SOL_SOCKET, SO_ATTACH_FILTER, head);
        }
    }

    /// <summary>struct sock_filter: what to do, how many steps to leave out if it is so and if not, and with what.</summary>
    private static ulong Step(ushort code, uint operand, byte then = 0, byte otherwise = 0) => code | (ulong)then << 16 | (ulong)otherwise << 24 | (ulong)operand << 32;

    /// <summary>Sends to everybody on the cable.</summary>
    public async Task BroadcastAsync(byte[] packet, CancellationToken cancellation) =>
        await _socket.SendToAsync(packet, SocketFlags.None, new LinkLayerAddress(_interface, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), cancellation);

    public async Task<int> ReceiveAsync(byte[] buffer, CancellationToken cancellation) => await _socket.ReceiveAsync(buffer, SocketFlags.None, cancellation);

    public void Dispose() => _socket.Dispose();

    /// <summary>struct sockaddr_ll.</summary>
    private sealed class LinkLayerAddress(int interfaceIndex, byte[] hardware) : EndPoint
    {
        private const int Length = 20;
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, Length);
            var bytes = address.Buffer.Span;
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], ETH_P_IP);
            System.Runtime.InteropServices.MemoryMarshal.Write(bytes[4..], interfaceIndex);
            bytes[11] = (byte)hardware.Length;
            hardware.CopyTo(bytes[12..]);
            return address;
        }

        public override EndPoint Create(SocketAddress socketAddress) => this;
    }
}

/// <summary>IPv4 and UDP headers (RFC 791, 768).</summary>
internal static class UdpPacket
{
    private const int IpLength = 20, UdpLength = 8;
    private const byte Udp = 17;

    public static byte[] Write(IPAddress from, IPAddress to, ushort fromPort, ushort toPort, byte[] data)
    {
        var packet = new byte[IpLength + UdpLength + data.Length];
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        packet[8] = 64;
        packet[9] = Udp;
        from.GetAddressBytes().CopyTo(packet, 12);
        to.GetAddressBytes().CopyTo(packet, 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Checksum(packet.AsSpan(0, IpLength)));
        var udp = packet.AsSpan(IpLength);
        BinaryPrimitives.WriteUInt16BigEndian(udp, fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], toPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udp.Length); // its checksum stays 0: none
        data.CopyTo(packet, IpLength + UdpLength);
        return packet;
    }

    /// <summary>The data of a datagram to a port; empty when it is something else.</summary>
    public static ReadOnlySpan<byte> Read(ReadOnlySpan<byte> packet, ushort toPort)
    {
        if (packet.Length < IpLength || packet[0] >> 4 != 4 || packet[9] != Udp || (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3fff) != 0) return [];
        int header = (packet[0] & 0xf) * 4, total = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        if (header < IpLength || total < header + UdpLength || total > packet.Length) return [];
        var udp = packet[header..total];
        int length = BinaryPrimitives.ReadUInt16BigEndian(udp[4..]);
        return BinaryPrimitives.ReadUInt16BigEndian(udp[2..]) == toPort && length >= UdpLength && length <= udp.Length ? udp[UdpLength..length] : [];
    }

    private static ushort Checksum(ReadOnlySpan<byte> header)
    {
        uint sum = 0;
        for (int at = 0; at < header.Length; at += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(header[at..]);
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }
}
