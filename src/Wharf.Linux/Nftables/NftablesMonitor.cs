using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Nftables;

/// <summary>Tells when someone removes a table, or chains and rules from it (nfnetlink's group of nftables events).</summary>
public sealed partial class NftablesMonitor : IDisposable
{
    private const int AF_NETLINK = 16, SOCK_RAW = 3, SOCK_CLOEXEC = 0x80000, NETLINK_NETFILTER = 12, NFNLGRP_NFTABLES = 7, NFNL_SUBSYS_NFTABLES = 10;
    private const int NFT_MSG_DELTABLE = 2, NFT_MSG_NEWCHAIN = 3, NFT_MSG_DELCHAIN = 5, NFT_MSG_DELRULE = 8;
    private const ushort NFTA_TABLE_NAME = 1; // the chain's and the rule's table have the same number

    private readonly Socket _socket;

    private struct SockaddrNetlink { public ushort Family, Padding; public uint PortId, Groups; }

    [LibraryImport("libc", SetLastError = true)] private static partial int socket(int domain, int type, int protocol);
    [LibraryImport("libc", SetLastError = true)] private static partial int bind(int fd, in SockaddrNetlink address, int length);

    /// <summary>Listens in the network namespace of the calling thread.</summary>
    public NftablesMonitor()
    {
        var handle = new SafeSocketHandle(SyscallException.Check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), "socket", "netfilter"), ownsHandle: true);
        try
        {
            var address = new SockaddrNetlink { Family = AF_NETLINK, Groups = 1 << (NFNLGRP_NFTABLES - 1) };
            SyscallException.Check(bind((int)handle.DangerousGetHandle(), address, 12), "bind", "netfilter");
            _socket = new Socket(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Returns when something of a table has been removed, when chains of a table of the host's have been made, or anything of it removed, or
    /// when so much happened at once that the kernel dropped events.
    /// </summary>
    public async Task WaitForChangeAsync(string table, string hostTable, CancellationToken cancellation)
    {
        var buffer = new byte[32768];
        while (true)
        {
            try
            {
                int count = await _socket.ReceiveAsync(buffer, SocketFlags.None, cancellation);
                if (Removes(buffer.AsSpan(0, count), table) || Removes(buffer.AsSpan(0, count), hostTable, orMakesChains: true)) return;
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.NoBufferSpaceAvailable)
            {
                return; // ENOBUFS: events were lost, what they said is unknown
            }
        }
    }

    /// <summary>Whether one of these messages removes something of the table, or makes a chain in it.</summary>
    public static bool Removes(ReadOnlySpan<byte> messages, string table, bool orMakesChains = false)
    {
        while (messages.Length >= 20)
        {
            int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(messages);
            if (length < 20 || length > messages.Length) return false;
            int type = BinaryPrimitives.ReadUInt16LittleEndian(messages[4..]);
            if (type >> 8 == NFNL_SUBSYS_NFTABLES && IsChange(type & 255, orMakesChains) && TableOf(messages[20..length]) == table) return true;
            messages = messages[Math.Min(messages.Length, length + 3 & ~3)..];
        }
        return false;
    }

    private static bool IsChange(int type, bool orMakesChains) => type is NFT_MSG_DELTABLE or NFT_MSG_DELCHAIN or NFT_MSG_DELRULE || orMakesChains && type == NFT_MSG_NEWCHAIN;

    private static string? TableOf(ReadOnlySpan<byte> attributes)
    {
        while (attributes.Length >= 4)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(attributes);
            if (length < 4 || length > attributes.Length) return null;
            if (BinaryPrimitives.ReadUInt16LittleEndian(attributes[2..]) == NFTA_TABLE_NAME) return Encoding.UTF8.GetString(attributes[4..length].TrimEnd((byte)0));
            attributes = attributes[Math.Min(attributes.Length, length + 3 & ~3)..];
        }
        return null;
    }

    public void Dispose() => _socket.Dispose();
}
