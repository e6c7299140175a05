using System.Net;
using System.Security.Cryptography;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks.Dhcp;

/// <summary>
/// Asks DHCP servers on an interface of the host's for addresses of containers. It needs nothing of the container: what is asked for is a MAC
/// address's, and answers come as broadcasts. Anybody on the cable can answer: answers must name the transaction and the MAC address, an offer must
/// make sense, and what is granted must come from the server that offered it.
/// </summary>
internal static class DhcpClient
{
    private const ushort ServerPort = 67, ClientPort = 68;
    private static readonly TimeSpan[] Patience = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(4)];

    /// <summary>What a server would give: nothing is taken.</summary>
    public static async Task<DhcpMessage> DiscoverAsync(string device, byte[] mac, IPAddress? wanted, string hostname, CancellationToken cancellation)
    {
        using var socket = Open(device);
        return await DiscoverAsync(socket, device, mac, wanted, hostname, cancellation);
    }

    /// <summary>Takes an address: discover and request (RFC 2131, 4.4.1).</summary>
    public static async Task<DhcpMessage> AcquireAsync(string device, byte[] mac, IPAddress? wanted, string hostname, CancellationToken cancellation)
    {
        using var socket = Open(device);
        var offer = await DiscoverAsync(socket, device, mac, wanted, hostname, cancellation);
        if (wanted is not null && !wanted.Equals(offer.Yours)) throw new WharfException(ErrorKind.Forbidden, $"the DHCP server {offer.Server} on {device} does not give {wanted}: it offers {offer.Yours}");
        var request = new DhcpMessage { Kind = DhcpKind.Request, Transaction = offer.Transaction, Hardware = mac, Requested = offer.Yours, Server = offer.Server, Hostname = hostname };
        var answer = await AskAsync(socket, request, message => message is { Kind: DhcpKind.Ack or DhcpKind.Nak } && offer.Server!.Equals(message.Server), cancellation);
        return Granted(answer, device, offer.Yours!);
    }

    /// <summary>
    /// Keeps an address for another lease's time. In the words of a client that has been restarted (RFC 2131, 4.3.2): a server answers one that
    /// renews at the address itself, which is the container's.
    /// </summary>
    public static async Task<DhcpMessage> RenewAsync(string device, byte[] mac, IPAddress address, string hostname, CancellationToken cancellation)
    {
        using var socket = Open(device);
        var request = new DhcpMessage { Kind = DhcpKind.Request, Transaction = NewTransaction(), Hardware = mac, Requested = address, Hostname = hostname };
        return Granted(await AskAsync(socket, request, message => message.Kind is DhcpKind.Ack or DhcpKind.Nak, cancellation), device, address);
    }

    /// <summary>Gives an address back. There is no answer to it.</summary>
    public static async Task ReleaseAsync(string device, byte[] mac, IPAddress address, IPAddress server, CancellationToken cancellation)
    {
        using var socket = Open(device);
        var release = new DhcpMessage { Kind = DhcpKind.Release, Transaction = NewTransaction(), Hardware = mac, Client = address, Server = server };
        await socket.BroadcastAsync(UdpPacket.Write(address, server, ClientPort, ServerPort, release.Write()), cancellation);
    }

    private static LinkLayerSocket Open(string device) =>
        new(Linux.Netlink.RouteNetlink.IndexOf(device) ?? throw new WharfException(ErrorKind.Internal, $"there is no interface {device} to ask for a DHCP server on"), ClientPort);

    private static async Task<DhcpMessage> DiscoverAsync(LinkLayerSocket socket, string device, byte[] mac, IPAddress? wanted, string hostname, CancellationToken cancellation)
    {
        var discover = new DhcpMessage { Kind = DhcpKind.Discover, Transaction = NewTransaction(), Hardware = mac, Requested = wanted, Hostname = hostname };
        return await AskAsync(socket, discover, message => message is { Kind: DhcpKind.Offer, Server: not null, PrefixLength: > 0 and < 31 } && IsHost(message.Yours!, message.PrefixLength), cancellation)
            ?? throw WharfException.Unavailable($"no DHCP server answers on {device}");
    }

    // An address of one machine, and not its subnet's first or last.
    private static bool IsHost(IPAddress address, int prefixLength)
    {
        var (number, subnet) = (Subnet.ToNumber(address), Subnet.Around(address, prefixLength));
        return number != subnet.First && number != subnet.Last && address.GetAddressBytes()[0] is not (0 or 127) and < 224;
    }

    private static DhcpMessage Granted(DhcpMessage? answer, string device, IPAddress address) => answer switch
    {
        { Kind: DhcpKind.Ack } when address.Equals(answer.Yours) => answer,
        { Kind: DhcpKind.Ack } => throw new WharfException(ErrorKind.Internal, $"the DHCP server on {device} gave {answer.Yours} for {address}"),
        not null => throw new WharfException(ErrorKind.Forbidden, $"the DHCP server {answer.Server} on {device} refuses {address}"),
        null => throw WharfException.Unavailable($"no DHCP server answers on {device}"),
    };

    /// <summary>Sends until an answer fits; null when none comes in time.</summary>
    private static async Task<DhcpMessage?> AskAsync(LinkLayerSocket socket, DhcpMessage question, Func<DhcpMessage, bool> fits, CancellationToken cancellation)
    {
        var packet = UdpPacket.Write(IPAddress.Any, IPAddress.Broadcast, ClientPort, ServerPort, question.Write());
        var buffer = new byte[4096];
        foreach (var patience in Patience)
        {
            await socket.BroadcastAsync(packet, cancellation);
            using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            time.CancelAfter(patience);
            try
            {
                while (true)
                {
                    int length = await socket.ReceiveAsync(buffer, time.Token);
                    if (DhcpMessage.Read(UdpPacket.Read(buffer.AsSpan(0, length), ClientPort)) is { } answer && answer.Transaction == question.Transaction && answer.Hardware.AsSpan().SequenceEqual(question.Hardware) && fits(answer)) return answer;
                }
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested) { /* once more */ }
        }
        return null;
    }

    private static uint NewTransaction() => BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(4));
}
