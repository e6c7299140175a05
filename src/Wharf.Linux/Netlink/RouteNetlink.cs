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

    public void Dispose() => _socket.Dispose();
}
