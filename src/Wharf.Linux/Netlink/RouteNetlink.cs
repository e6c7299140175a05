using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using Wharf.Linux.Fds;

namespace Wharf.Linux.Netlink;

/// <summary>Links, addresses and routes of one network namespace: the one its opener was in.</summary>
public sealed partial class RouteNetlink : IDisposable
{
    private readonly NetlinkSocket _socket = new(protocol: 0);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] private static partial uint if_nametoindex(string name);

    /// <summary>The index of an interface in the calling thread's namespace; null when there is none of that name.</summary>
    public static int? IndexOf(string name) => if_nametoindex(name) is var index and > 0 ? (int)index : null;

    /// <summary>Does requests of <see cref="RouteRequest"/> in order; the first that failed is thrown.</summary>
    public void Do(params ReadOnlySpan<(string, NetlinkMessage)> requests) => _socket.Send(requests);

    /// <summary>The addresses of a link that were given to it for good and reach beyond it: what would be lost when it moves.</summary>
    public List<(IPAddress Address, int PrefixLength)> AddressesOf(int index)
    {
        const ushort RTM_GETADDR = 22, NLM_F_DUMP = 0x300, IFA_ADDRESS = 1, IFA_LOCAL = 2;
        const byte IFA_F_PERMANENT = 0x80, RT_SCOPE_UNIVERSE = 0;
        var addresses = new List<(IPAddress, int)>();
        // struct ifaddrmsg: family, prefix length, flags, scope, index.
        _socket.Dump("addresses", new NetlinkMessage(RTM_GETADDR, NLM_F_DUMP).UInt32(0).UInt32(0), message =>
        {
            if (message.Length < 8 || BinaryPrimitives.ReadInt32LittleEndian(message[4..]) != index || (message[2] & IFA_F_PERMANENT) == 0 || message[3] != RT_SCOPE_UNIVERSE) return;
            if (NetlinkAttributes.TryFind(message[8..], IFA_LOCAL, out var address) || NetlinkAttributes.TryFind(message[8..], IFA_ADDRESS, out address)) addresses.Add((new IPAddress(address), message[1]));
        });
        return addresses;
    }

    public void Dispose() => _socket.Dispose();
}
