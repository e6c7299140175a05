using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Netlink;

/// <summary>
/// Links, addresses and routes of one network namespace: the one its opener was in. One request at a time; errors carry the kernel's own
/// words where it gives any (extended acknowledgement).
/// </summary>
public sealed unsafe partial class RouteNetlink : IDisposable
{
    private const int AF_NETLINK = 16, SOCK_RAW = 3, SOCK_CLOEXEC = 0x80000, SOL_NETLINK = 270, NETLINK_EXT_ACK = 11, NETLINK_CAP_ACK = 10;
    private const ushort RTM_NEWLINK = 16, RTM_DELLINK = 17, RTM_NEWADDR = 20, RTM_NEWROUTE = 24;
    private const ushort IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_MASTER = 10, IFLA_LINKINFO = 18, IFLA_NET_NS_FD = 28, IFLA_INFO_KIND = 1, IFLA_INFO_DATA = 2, VETH_INFO_PEER = 1;
    private const ushort IFA_ADDRESS = 1, IFA_LOCAL = 2, IFA_BROADCAST = 4, RTA_GATEWAY = 5, RTA_OIF = 4, NLMSGERR_ATTR_MSG = 1;
    private const uint IFF_UP = 1;

    private readonly Fd _socket;
    private readonly Lock _lock = new();
    private uint _sequence;

    [LibraryImport("libc", SetLastError = true)] private static partial int socket(int domain, int type, int protocol);
    [LibraryImport("libc", SetLastError = true)] private static partial int setsockopt(int fd, int level, int option, int* value, int length);
    [LibraryImport("libc", SetLastError = true)] private static partial nint send(int fd, byte* data, nuint length, int flags);
    [LibraryImport("libc", SetLastError = true)] private static partial nint recv(int fd, byte* data, nuint length, int flags);
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] private static partial uint if_nametoindex(string name);

    /// <summary>Opens the routing tables of the calling thread's network namespace.</summary>
    public RouteNetlink()
    {
        _socket = new Fd(SyscallException.Check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), "socket", "netlink"));
        int on = 1;
        _ = setsockopt(_socket.Value, SOL_NETLINK, NETLINK_EXT_ACK, &on, 4); // older kernels: numbers without words
        _ = setsockopt(_socket.Value, SOL_NETLINK, NETLINK_CAP_ACK, &on, 4);
    }

    /// <summary>The index of an interface in the calling thread's namespace; null when there is none of that name.</summary>
    public static int? IndexOf(string name) => if_nametoindex(name) is var index and > 0 ? (int)index : null;

    public void CreateBridge(string name, int? mtu) => Send($"create bridge {name}", Link(RTM_NEWLINK, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL, 0, up: false)
        .Attribute(IFLA_IFNAME, name).Optional(IFLA_MTU, mtu).Nested(IFLA_LINKINFO, info => info.Attribute(IFLA_INFO_KIND, "bridge")));

    /// <summary>A pair of interfaces: one here, up and in a bridge, the other in another namespace under its own name, index and address.</summary>
    public void CreateVeth(string name, int master, Fd peerNamespace, string peerName, int peerIndex, ReadOnlyMemory<byte> peerMac, int? mtu) =>
        Send($"create veth {name}", Link(RTM_NEWLINK, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL, 0, up: true)
            .Attribute(IFLA_IFNAME, name).Attribute(IFLA_MASTER, (uint)master).Optional(IFLA_MTU, mtu)
            .Nested(IFLA_LINKINFO, info => info.Attribute(IFLA_INFO_KIND, "veth").Nested(IFLA_INFO_DATA, data => data.Nested(VETH_INFO_PEER, peer =>
                peer.Byte(0).Byte(0).UInt16(0).UInt32((uint)peerIndex).UInt32(0).UInt32(0)
                    .Attribute(IFLA_IFNAME, peerName).Attribute(IFLA_ADDRESS, peerMac.Span).Attribute(IFLA_NET_NS_FD, (uint)peerNamespace.Value).Optional(IFLA_MTU, mtu)))));

    public void SetUp(int index) => Send($"set up link {index}", Link(RTM_NEWLINK, 0, index, up: true));
    public void DeleteLink(int index) => Send($"delete link {index}", Link(RTM_DELLINK, 0, index, up: false));

    public void AddAddress(int index, IPAddress address, int prefixLength)
    {
        var bytes = address.GetAddressBytes();
        var message = new NetlinkMessage(RTM_NEWADDR, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL)
            .Byte(Family(address)).Byte((byte)prefixLength).Byte(0).Byte(0).UInt32((uint)index).Attribute(IFA_LOCAL, bytes).Attribute(IFA_ADDRESS, bytes);
        if (address.AddressFamily == AddressFamily.InterNetwork && prefixLength < 31) message.Attribute(IFA_BROADCAST, Broadcast(bytes, prefixLength));
        Send($"add address {address}/{prefixLength}", message);
    }

    public void AddDefaultRoute(IPAddress gateway, int index) => Send($"add default route via {gateway}",
        new NetlinkMessage(RTM_NEWROUTE, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL)
            .Byte(Family(gateway)).Byte(0).Byte(0).Byte(0).Byte(254 /* RT_TABLE_MAIN */).Byte(3 /* RTPROT_BOOT */).Byte(0 /* RT_SCOPE_UNIVERSE */).Byte(1 /* RTN_UNICAST */).UInt32(0)
            .Attribute(RTA_GATEWAY, gateway.GetAddressBytes()).Attribute(RTA_OIF, (uint)index));

    private static byte Family(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? (byte)2 : (byte)10;

    private static byte[] Broadcast(byte[] address, int prefixLength)
    {
        uint value = BinaryPrimitives.ReadUInt32BigEndian(address) | (uint)(0xFFFFFFFFUL >> prefixLength);
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    // struct ifinfomsg: family, padding, type, index, flags, change mask.
    private static NetlinkMessage Link(ushort type, ushort flags, int index, bool up) =>
        new NetlinkMessage(type, flags).Byte(0).Byte(0).UInt16(0).UInt32((uint)index).UInt32(up ? IFF_UP : 0).UInt32(up ? IFF_UP : 0);

    private void Send(string what, NetlinkMessage message)
    {
        lock (_lock)
        {
            uint sequence = ++_sequence;
            var bytes = message.Finish(sequence);
            fixed (byte* data = bytes) SyscallException.Check(send(_socket.Value, data, (nuint)bytes.Length, 0), "netlink send", what);
            ReceiveAcknowledgement(what, sequence);
        }
    }

    private void ReceiveAcknowledgement(string what, uint sequence)
    {
        var buffer = stackalloc byte[8192];
        while (true)
        {
            nint count = recv(_socket.Value, buffer, 8192, 0);
            if (count < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR) continue;
            SyscallException.Check(count, "netlink recv", what);
            var message = new ReadOnlySpan<byte>(buffer, (int)count);
            if (message.Length < 20 || BinaryPrimitives.ReadUInt32LittleEndian(message[8..]) != sequence) continue;
            int error = BinaryPrimitives.ReadInt32LittleEndian(message[16..]);
            if (error == 0) return;
            throw new SyscallException("netlink", -error, what + Complaint(message));
        }
    }

    private static string Complaint(ReadOnlySpan<byte> message)
    {
        // Behind the error: the request's header (16 bytes, NETLINK_CAP_ACK), then attributes.
        int at = 36;
        while (at + 4 <= message.Length)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(message[at..]);
            if (length < 4 || at + length > message.Length) break;
            if (BinaryPrimitives.ReadUInt16LittleEndian(message[(at + 2)..]) == NLMSGERR_ATTR_MSG)
                return $" ({Encoding.UTF8.GetString(message.Slice(at + 4, length - 4)).TrimEnd('\0')})";
            at += length + 3 & ~3;
        }
        return "";
    }

    public void Dispose() => _socket.Dispose();
}

internal static class NetlinkMessageExtensions
{
    public static NetlinkMessage Optional(this NetlinkMessage message, ushort type, int? value) => value is null ? message : message.Attribute(type, (uint)value.Value);
}
