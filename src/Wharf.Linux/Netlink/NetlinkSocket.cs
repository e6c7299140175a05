using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Netlink;

/// <summary>
/// A netlink socket of the network namespace its opener was in. Requests are acknowledged one by one; errors carry the kernel's own words
/// where it gives any (extended acknowledgement).
/// </summary>
public sealed unsafe partial class NetlinkSocket : IDisposable
{
    private const int AF_NETLINK = 16, SOCK_RAW = 3, SOCK_CLOEXEC = 0x80000, SOL_NETLINK = 270, NETLINK_EXT_ACK = 11, NETLINK_CAP_ACK = 10;
    private const int BufferSize = 16384;
    private const int HeaderSize = 16;
    private const ushort NLMSG_ERROR = 2, NLMSG_DONE = 3, NLMSGERR_ATTR_MSG = 1;

    private readonly Fd _socket;
    private readonly Lock _lock = new();
    private uint _sequence;

    [LibraryImport("libc", SetLastError = true)] private static partial int socket(int domain, int type, int protocol);
    [LibraryImport("libc", SetLastError = true)] private static partial int setsockopt(int fd, int level, int option, int* value, int length);
    [LibraryImport("libc", SetLastError = true)] private static partial nint send(int fd, byte* data, nuint length, int flags);
    [LibraryImport("libc", SetLastError = true)] private static partial nint recv(int fd, byte* data, nuint length, int flags);

    /// <param name="protocol">NETLINK_ROUTE 0, NETLINK_NETFILTER 12.</param>
    public NetlinkSocket(int protocol)
    {
        _socket = new Fd(SyscallException.Check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket", "netlink"));
        int on = 1;
        _ = setsockopt(_socket.Value, SOL_NETLINK, NETLINK_EXT_ACK, &on, 4); // older kernels: numbers without words
        _ = setsockopt(_socket.Value, SOL_NETLINK, NETLINK_CAP_ACK, &on, 4);
    }

    /// <summary>
    /// Sends requests in one go; the kernel does them in order. All are answered before this returns; the first that failed is thrown, with
    /// those behind it tried all the same.
    /// </summary>
    public void Send(params ReadOnlySpan<(string What, NetlinkMessage Message)> requests)
    {
        if (requests.IsEmpty) return;
        lock (_lock)
        {
            uint first = _sequence + 1;
            var bytes = new List<byte>(256 * requests.Length);
            foreach (var (_, message) in requests) bytes.AddRange(message.Finish(++_sequence));
            fixed (byte* data = CollectionsMarshal.AsSpan(bytes)) SyscallException.Check(send(_socket.Value, data, (nuint)bytes.Count, 0), "netlink send", requests[0].What);
            if (ReceiveAcknowledgements(first, requests.Length) is not { } failure) return;
            throw new SyscallException("netlink", failure.Errno, requests[(int)(failure.Sequence - first)].What + failure.Words);
        }
    }

    /// <summary>What a dump gives for each object: the message behind its header.</summary>
    public delegate void Reader(ReadOnlySpan<byte> message);

    /// <summary>Sends a request with NLM_F_DUMP and gives all that comes back to <paramref name="each"/>, which must not use this socket.</summary>
    public void Dump(string what, NetlinkMessage request, Reader each)
    {
        lock (_lock)
        {
            uint sequence = ++_sequence;
            var message = request.Finish(sequence);
            fixed (byte* data = message) SyscallException.Check(send(_socket.Value, data, (nuint)message.Length, 0), "netlink send", what);
            var buffer = stackalloc byte[BufferSize];
            while (true)
            {
                nint count = recv(_socket.Value, buffer, BufferSize, 0);
                if (count < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR) continue;
                SyscallException.Check(count, "netlink recv", what);
                var rest = new ReadOnlySpan<byte>(buffer, (int)count);
                while (rest.Length >= HeaderSize)
                {
                    int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(rest);
                    if (length < HeaderSize || length > rest.Length) break;
                    ushort type = BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]);
                    if (BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]) == sequence)
                    {
                        if (type == NLMSG_DONE) return;
                        if (type == NLMSG_ERROR && BinaryPrimitives.ReadInt32LittleEndian(rest[HeaderSize..]) is var error and not 0) throw new SyscallException("netlink", -error, what);
                        if (type > NLMSG_DONE) each(rest[HeaderSize..length]);
                    }
                    rest = rest[Math.Min(rest.Length, length + 3 & ~3)..];
                }
            }
        }
    }

    private (uint Sequence, int Errno, string Words)? ReceiveAcknowledgements(uint first, int expected)
    {
        (uint, int, string)? failure = null;
        var buffer = stackalloc byte[BufferSize];
        while (expected > 0)
        {
            nint count = recv(_socket.Value, buffer, BufferSize, 0);
            if (count < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR) continue;
            SyscallException.Check(count, "netlink recv");
            var rest = new ReadOnlySpan<byte>(buffer, (int)count);
            while (rest.Length >= 20)
            {
                int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(rest);
                if (length < 20 || length > rest.Length) break;
                uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]);
                if (sequence >= first && BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]) == NLMSG_ERROR)
                {
                    expected--;
                    int error = BinaryPrimitives.ReadInt32LittleEndian(rest[16..]);
                    if (error != 0) failure ??= (sequence, -error, Complaint(rest[..length]));
                }
                rest = rest[Math.Min(rest.Length, length + 3 & ~3)..];
            }
        }
        return failure;
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
