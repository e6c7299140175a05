using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Wharf.Linux.Fds;

namespace Wharf.Linux.Netlink;

/// <summary>The requests of rtnetlink(7) that networks are made of, each with the words its error begins with.</summary>
public static class RouteRequest
{
    private const ushort RTM_NEWLINK = 16, RTM_DELLINK = 17, RTM_NEWADDR = 20, RTM_DELADDR = 21, RTM_NEWROUTE = 24, RTM_DELROUTE = 25;
    private const ushort IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_LINK = 5, IFLA_MASTER = 10, IFLA_TXQLEN = 13, IFLA_LINKINFO = 18, IFLA_IFALIAS = 20, IFLA_AF_SPEC = 26, IFLA_NET_NS_FD = 28, IFLA_NEW_IFINDEX = 49;
    private const ushort IFLA_INET6_ADDR_GEN_MODE = 8, IFLA_BR_NF_CALL_IPTABLES = 36, IFLA_BR_NF_CALL_IP6TABLES = 37;
    private const byte IN6_ADDR_GEN_MODE_NONE = 1;
    private const ushort IFLA_INFO_KIND = 1, IFLA_INFO_DATA = 2, IFLA_INFO_SLAVE_KIND = 4, IFLA_INFO_SLAVE_DATA = 5, VETH_INFO_PEER = 1, IFLA_BRPORT_MODE = 4, IFLA_BRPORT_ISOLATED = 33;
    private const ushort IFLA_MACVLAN_MODE = 1, IFLA_IPVLAN_MODE = 1, IFLA_IPVLAN_FLAGS = 2, IFLA_VLAN_ID = 1;
    private const ushort IFA_ADDRESS = 1, IFA_LOCAL = 2, IFA_BROADCAST = 4, RTA_DST = 1, RTA_OIF = 4, RTA_GATEWAY = 5;
    private const ushort Create = NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL;
    private const uint IFF_UP = 1;
    private const byte IFA_F_NODAD = 2, RT_TABLE_MAIN = 254, RTPROT_BOOT = 3, RT_SCOPE_UNIVERSE = 0, RT_SCOPE_LINK = 253, RTN_UNICAST = 1, AF_INET = 2, AF_INET6 = 10;

    /// <summary>
    /// A bridge that is down. Its MAC address is given, as it would change with its ports else, and every neighbour's cache be wrong for a
    /// while. <paramref name="filtered"/>: packets between its ports pass the IP firewall, if br_netfilter is loaded.
    /// </summary>
    public static (string, NetlinkMessage) CreateBridge(string name, ReadOnlySpan<byte> mac, int? mtu, bool filtered)
    {
        var message = Link(RTM_NEWLINK, Create, 0, up: false).Attribute(IFLA_IFNAME, name).Attribute(IFLA_ADDRESS, mac).Optional(IFLA_MTU, mtu);
        return ($"create bridge {name}", message.Nested(IFLA_LINKINFO, info =>
        {
            info.Attribute(IFLA_INFO_KIND, "bridge");
            if (filtered) info.Nested(IFLA_INFO_DATA, data => data.Attribute(IFLA_BR_NF_CALL_IPTABLES, [1]).Attribute(IFLA_BR_NF_CALL_IP6TABLES, [1]));
        }));
    }

    /// <summary>A pair of interfaces: one here, up and in a bridge, the other, down, in another namespace. Without an index the kernel chooses one.</summary>
    public static (string, NetlinkMessage) CreateVeth(string name, int master, Fd peerNamespace, string peerName, int peerIndex, int? mtu) =>
        ($"create veth {name}", Link(RTM_NEWLINK, Create, 0, up: true)
            .Attribute(IFLA_IFNAME, name).Attribute(IFLA_MASTER, (uint)master).Optional(IFLA_MTU, mtu)
            .Nested(IFLA_LINKINFO, info => info.Attribute(IFLA_INFO_KIND, "veth").Nested(IFLA_INFO_DATA, data => data.Nested(VETH_INFO_PEER, peer =>
                peer.Byte(0).Byte(0).UInt16(0).UInt32((uint)peerIndex).UInt32(0).UInt32(0)
                    .Attribute(IFLA_IFNAME, peerName).Attribute(IFLA_NET_NS_FD, (uint)peerNamespace.Value).Optional(IFLA_MTU, mtu)))));

    /// <summary>
    /// Settings of a bridge's port (bridge(8)). Hairpin: what comes from it may go back to it. Isolated: it reaches the bridge's own address and
    /// ports that are not isolated; one another isolated ports do not reach. It gets no link-local address of its own.
    /// </summary>
    public static (string, NetlinkMessage) SetPort(string name, bool isolated, bool hasIPv6) => ($"set up bridge port {name}", Link(RTM_NEWLINK, 0, 0, up: false).Attribute(IFLA_IFNAME, name)
        .If(hasIPv6, message => message.Nested(IFLA_AF_SPEC, families => families.Nested(AF_INET6, settings => settings.Attribute(IFLA_INET6_ADDR_GEN_MODE, [IN6_ADDR_GEN_MODE_NONE]))))
        .Nested(IFLA_LINKINFO, info => info.Attribute(IFLA_INFO_SLAVE_KIND, "bridge")
            .Nested(IFLA_INFO_SLAVE_DATA, data => data.Attribute(IFLA_BRPORT_MODE, [1]).Attribute(IFLA_BRPORT_ISOLATED, [(byte)(isolated ? 1 : 0)]))));

    /// <summary>An interface on top of another: <c>macvlan</c> with a mode of if_link.h.</summary>
    public static (string, NetlinkMessage) CreateMacvlan(string name, int parent, uint mode, int? mtu) => ($"create macvlan {name}", Link(RTM_NEWLINK, Create, 0, up: false)
        .Attribute(IFLA_IFNAME, name).Attribute(IFLA_LINK, (uint)parent).Optional(IFLA_MTU, mtu)
        .Nested(IFLA_LINKINFO, info => info.Attribute(IFLA_INFO_KIND, "macvlan").Nested(IFLA_INFO_DATA, data => data.Attribute(IFLA_MACVLAN_MODE, mode))));

    /// <summary>As <see cref="CreateMacvlan"/> for <c>ipvlan</c>, whose interfaces have their parent's MAC address.</summary>
    public static (string, NetlinkMessage) CreateIpvlan(string name, int parent, ushort mode, ushort flags, int? mtu) => ($"create ipvlan {name}", Link(RTM_NEWLINK, Create, 0, up: false)
        .Attribute(IFLA_IFNAME, name).Attribute(IFLA_LINK, (uint)parent).Optional(IFLA_MTU, mtu)
        .Nested(IFLA_LINKINFO, info => info.Attribute(IFLA_INFO_KIND, "ipvlan").Nested(IFLA_INFO_DATA, data => data.Attribute(IFLA_IPVLAN_MODE, BitConverter.GetBytes(mode)).Attribute(IFLA_IPVLAN_FLAGS, BitConverter.GetBytes(flags)))));

    public static (string, NetlinkMessage) CreateDummy(string name) => ($"create dummy {name}", Link(RTM_NEWLINK, Create, 0, up: true)
        .Attribute(IFLA_IFNAME, name).Nested(IFLA_LINKINFO, info => info.Attribute(IFLA_INFO_KIND, "dummy")));

    public static (string, NetlinkMessage) CreateVlan(string name, int parent, ushort id) => ($"create vlan {name}", Link(RTM_NEWLINK, Create, 0, up: true)
        .Attribute(IFLA_IFNAME, name).Attribute(IFLA_LINK, (uint)parent)
        .Nested(IFLA_LINKINFO, info => info.Attribute(IFLA_INFO_KIND, "vlan").Nested(IFLA_INFO_DATA, data => data.Attribute(IFLA_VLAN_ID, BitConverter.GetBytes(id)))));

    /// <summary>Sets a link up, with another MAC address and another length of its transmit queue if these are given.</summary>
    public static (string, NetlinkMessage) SetUp(int index, ReadOnlySpan<byte> mac = default, int? queueLength = null)
    {
        var message = Link(RTM_NEWLINK, 0, index, up: true).Optional(IFLA_TXQLEN, queueLength);
        return ($"set up link {index}", mac.IsEmpty ? message : message.Attribute(IFLA_ADDRESS, mac));
    }

    public static (string, NetlinkMessage) Rename(int index, string name) => ($"rename link {index} to {name}", Link(RTM_NEWLINK, 0, index, up: false).Attribute(IFLA_IFNAME, name));

    /// <summary>Names a link that is down, and notes in its alias whose it is (ip-link(8)), in one step: there is no moment with one and not the other.</summary>
    public static (string, NetlinkMessage) Rename(int index, string name, string alias) =>
        ($"rename link {index} to {name}", Link(RTM_NEWLINK, 0, index, up: false).Attribute(IFLA_IFNAME, name).Attribute(IFLA_IFALIAS, System.Text.Encoding.ASCII.GetBytes(alias)));

    /// <summary>Moves a link, which goes down with it, to another namespace under another name; it has <paramref name="newIndex"/> there, or one that the kernel chooses (0).</summary>
    public static (string, NetlinkMessage) Move(int index, string name, Fd target, int newIndex = 0) =>
        ($"move link {index} as {name}", Link(RTM_NEWLINK, 0, index, up: false).Attribute(IFLA_NET_NS_FD, (uint)target.Value).Attribute(IFLA_IFNAME, name).Optional(IFLA_NEW_IFINDEX, newIndex == 0 ? null : newIndex));

    public static (string, NetlinkMessage) DeleteLink(int index) => ($"delete link {index}", Link(RTM_DELLINK, 0, index, up: false));

    /// <summary>An address with the route to its subnet. IPv6 addresses are ours to give: they are usable at once, not after duplicate detection.</summary>
    public static (string, NetlinkMessage) AddAddress(int index, IPAddress address, int prefixLength)
    {
        var bytes = address.GetAddressBytes();
        bool v6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        var message = new NetlinkMessage(RTM_NEWADDR, Create).Byte(Family(address)).Byte((byte)prefixLength).Byte(v6 ? IFA_F_NODAD : (byte)0).Byte(0).UInt32((uint)index)
            .Attribute(IFA_LOCAL, bytes).Attribute(IFA_ADDRESS, bytes);
        if (!v6 && prefixLength < 31) message.Attribute(IFA_BROADCAST, Broadcast(bytes, prefixLength));
        return ($"add address {address}/{prefixLength}", message);
    }

    public static (string, NetlinkMessage) RemoveAddress(int index, IPAddress address, int prefixLength) => ($"remove address {address}/{prefixLength}",
        new NetlinkMessage(RTM_DELADDR, 0).Byte(Family(address)).Byte((byte)prefixLength).Byte(0).Byte(0).UInt32((uint)index).Attribute(IFA_LOCAL, address.GetAddressBytes()));

    public static (string, NetlinkMessage) AddDefaultRoute(IPAddress gateway, int index) => ($"add default route via {gateway}", Route(RTM_NEWROUTE, Create, gateway, index));
    public static (string, NetlinkMessage) RemoveDefaultRoute(IPAddress gateway, int index) => ($"remove default route via {gateway}", Route(RTM_DELROUTE, 0, gateway, index));

    /// <summary>A default route that names no gateway, as interfaces of ipvlan in layer 3 have it.</summary>
    public static (string, NetlinkMessage) AddDefaultRoute(bool v6, int index) => ($"add default route by link {index}", new NetlinkMessage(RTM_NEWROUTE, Create)
        .Byte(v6 ? AF_INET6 : AF_INET).Byte(0).Byte(0).Byte(0).Byte(RT_TABLE_MAIN).Byte(RTPROT_BOOT).Byte(RT_SCOPE_LINK).Byte(RTN_UNICAST).UInt32(0).Attribute(RTA_OIF, (uint)index));

    /// <summary>A route to a subnet by way of a neighbour, or on the cable (null).</summary>
    public static (string, NetlinkMessage) AddRoute(IPAddress destination, int prefixLength, IPAddress? via, int index)
    {
        var message = new NetlinkMessage(RTM_NEWROUTE, Create).Byte(Family(destination)).Byte((byte)prefixLength).Byte(0).Byte(0).Byte(RT_TABLE_MAIN).Byte(RTPROT_BOOT)
            .Byte(via is null ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE).Byte(RTN_UNICAST).UInt32(0).Attribute(RTA_DST, destination.GetAddressBytes());
        if (via is not null) message.Attribute(RTA_GATEWAY, via.GetAddressBytes());
        return ($"add route to {destination}/{prefixLength}", message.Attribute(RTA_OIF, (uint)index));
    }

    private static NetlinkMessage Route(ushort type, ushort flags, IPAddress gateway, int index) => new NetlinkMessage(type, flags)
        .Byte(Family(gateway)).Byte(0).Byte(0).Byte(0).Byte(RT_TABLE_MAIN).Byte(RTPROT_BOOT).Byte(RT_SCOPE_UNIVERSE).Byte(RTN_UNICAST).UInt32(0)
        .Attribute(RTA_GATEWAY, gateway.GetAddressBytes()).Attribute(RTA_OIF, (uint)index);

    private static byte Family(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? AF_INET : AF_INET6;

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

    private static NetlinkMessage If(this NetlinkMessage message, bool condition, Func<NetlinkMessage, NetlinkMessage> more) => condition ? more(message) : message;
    private static NetlinkMessage Optional(this NetlinkMessage message, ushort type, int? value) => value is null ? message : message.Attribute(type, (uint)value.Value);
}
