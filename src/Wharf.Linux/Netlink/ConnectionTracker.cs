using System.Buffers.Binary;

namespace Wharf.Linux.Netlink;

/// <summary>The kernel's table of connections (nf_conntrack, by ctnetlink) of the network namespace its opener was in.</summary>
public sealed class ConnectionTracker : IDisposable
{
    private const int NETLINK_NETFILTER = 12;
    private const ushort NFNL_SUBSYS_CTNETLINK = 1, IPCTNL_MSG_CT_GET = 1, IPCTNL_MSG_CT_DELETE = 2, NLM_F_DUMP = 0x300;
    private const ushort CTA_TUPLE_ORIG = 1, CTA_ZONE = 18, CTA_TUPLE_PROTO = 2, CTA_PROTO_NUM = 1, CTA_PROTO_DST_PORT = 3;

    private readonly NetlinkSocket _socket = new(NETLINK_NETFILTER);

    /// <summary>
    /// Forgets flows that began with a packet to one of these ports; protocols are numbers (udp 17, sctp 132). A flow keeps the
    /// destination that its first packet was turned to for as long as packets come. Returns how many were forgotten.
    /// </summary>
    public int Forget(IReadOnlySet<(byte Protocol, ushort Port)> destinations)
    {
        var found = new List<(string, NetlinkMessage)>();
        // struct nfgenmsg: family (0: all), version, resource.
        _socket.Dump("list connections", new NetlinkMessage(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP).Byte(0).Byte(0).UInt16(0), message =>
        {
            if (message.Length < 4) return;
            var attributes = message[4..];
            if (!NetlinkAttributes.TryFind(attributes, CTA_TUPLE_ORIG, out var tuple) || !NetlinkAttributes.TryFind(tuple, CTA_TUPLE_PROTO, out var protocol)) return;
            if (!NetlinkAttributes.TryFind(protocol, CTA_PROTO_NUM, out var number) || number.Length < 1) return;
            if (!NetlinkAttributes.TryFind(protocol, CTA_PROTO_DST_PORT, out var port) || port.Length < 2) return;
            if (!destinations.Contains((number[0], BinaryPrimitives.ReadUInt16BigEndian(port)))) return;
            var request = new NetlinkMessage(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0).Byte(message[0]).Byte(0).UInt16(0).Attribute(CTA_TUPLE_ORIG | NetlinkAttributes.NLA_F_NESTED, tuple);
            if (NetlinkAttributes.TryFind(attributes, CTA_ZONE, out var zone)) request.Attribute(CTA_ZONE, zone);
            found.Add(("forget connection", request));
        });
        int forgotten = 0;
        foreach (var request in found)
        {
            try
            {
                _socket.Send(request);
                forgotten++;
            }
            catch (Syscalls.SyscallException error) when (error.Errno == Syscalls.Errno.ENOENT) { continue; } // it ended meanwhile
        }
        return forgotten;
    }

    public void Dispose() => _socket.Dispose();
}
