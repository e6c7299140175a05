using System.Buffers.Binary;
using System.Net;

namespace Wharf.Engine.Networks.Dhcp;

/// <summary>Kinds of DHCP messages (RFC 2132, option 53).</summary>
internal enum DhcpKind : byte { None = 0, Discover = 1, Offer = 2, Request = 3, Decline = 4, Ack = 5, Nak = 6, Release = 7 }

/// <summary>
/// A message of DHCPv4 (RFC 2131) as it stands in a UDP datagram. What servers send is not trusted: it is read within its bounds, and what
/// does not make sense is left out.
/// </summary>
internal sealed record DhcpMessage
{
    private const int FixedLength = 236, HardwareOffset = 28, LeastLength = 300;
    private const byte BootRequest = 1, BootReply = 2, Ethernet = 1;
    private const uint Cookie = 0x63825363;
    private const byte OptionPad = 0, OptionMask = 1, OptionRouter = 3, OptionHostname = 12, OptionRequested = 50, OptionLease = 51, OptionKind = 53, OptionServer = 54, OptionParameters = 55, OptionRenew = 58, OptionEnd = 255;

    public DhcpKind Kind { get; init; }
    public uint Transaction { get; init; }
    /// <summary>Six bytes: whom the address is for, or a client that is answered.</summary>
    public byte[] Hardware { get; init; } = [];
    /// <summary>The client's address, in a release.</summary>
    public IPAddress? Client { get; init; }
    /// <summary>The address that the server gives.</summary>
    public IPAddress? Yours { get; init; }
    public IPAddress? Requested { get; init; }
    public IPAddress? Server { get; init; }
    public IPAddress? Router { get; init; }
    /// <summary>Length of the subnet's prefix; 0 where the server tells none.</summary>
    public int PrefixLength { get; init; }
    public TimeSpan Lease { get; init; }
    public TimeSpan Renew { get; init; }
    public string Hostname { get; init; } = "";

    /// <summary>A client's message. Answers are asked for as broadcasts: nobody has the address yet that they are about.</summary>
    public byte[] Write()
    {
        var packet = new byte[LeastLength];
        packet[0] = BootRequest;
        packet[1] = Ethernet;
        packet[2] = 6;
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(4), Transaction);
        if (Kind != DhcpKind.Release) packet[10] = 0x80;
        Client?.GetAddressBytes().CopyTo(packet, 12);
        Hardware.CopyTo(packet, HardwareOffset);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(FixedLength), Cookie);
        int at = FixedLength + 4;
        Add(OptionKind, [(byte)Kind]);
        if (Requested is not null) Add(OptionRequested, Requested.GetAddressBytes());
        if (Server is not null) Add(OptionServer, Server.GetAddressBytes());
        // At most 63 characters: a label of a name, which the container's host name is.
        if (Hostname.Length is > 0 and < 64 && Hostname.All(char.IsAscii)) Add(OptionHostname, System.Text.Encoding.ASCII.GetBytes(Hostname));
        if (Kind is DhcpKind.Discover or DhcpKind.Request) Add(OptionParameters, [OptionMask, OptionRouter, OptionLease, OptionRenew]);
        packet[at] = OptionEnd;
        return packet;

        void Add(byte option, byte[] value)
        {
            packet[at++] = option;
            packet[at++] = (byte)value.Length;
            value.CopyTo(packet, at);
            at += value.Length;
        }
    }

    /// <summary>Reads a server's message; null when it is none.</summary>
    public static DhcpMessage? Read(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < FixedLength + 4 || packet[0] != BootReply || packet[1] != Ethernet || packet[2] != 6 || BinaryPrimitives.ReadUInt32BigEndian(packet[FixedLength..]) != Cookie) return null;
        var message = new DhcpMessage { Transaction = BinaryPrimitives.ReadUInt32BigEndian(packet[4..]), Yours = new IPAddress(packet.Slice(16, 4)), Hardware = packet.Slice(HardwareOffset, 6).ToArray() };
        var options = packet[(FixedLength + 4)..];
        while (options.Length > 0 && options[0] != OptionEnd)
        {
            if (options[0] == OptionPad)
            {
                options = options[1..];
                continue;
            }
            if (options.Length < 2 || options.Length < 2 + options[1]) return null;
            message = message.With(options[0], options.Slice(2, options[1]));
            options = options[(2 + options[1])..];
        }
        return message.Kind == DhcpKind.None ? null : message;
    }

    private DhcpMessage With(byte option, ReadOnlySpan<byte> value) => (option, value.Length) switch
    {
        (OptionKind, 1) => this with { Kind = (DhcpKind)value[0] },
        (OptionMask, 4) => this with { PrefixLength = PrefixOf(BinaryPrimitives.ReadUInt32BigEndian(value)) },
        (OptionRouter, >= 4) => this with { Router = new IPAddress(value[..4]) },
        (OptionServer, 4) => this with { Server = new IPAddress(value) },
        (OptionLease, 4) => this with { Lease = TimeSpan.FromSeconds(BinaryPrimitives.ReadUInt32BigEndian(value)) },
        (OptionRenew, 4) => this with { Renew = TimeSpan.FromSeconds(BinaryPrimitives.ReadUInt32BigEndian(value)) },
        _ => this,
    };

    // A mask with holes is none.
    private static int PrefixOf(uint mask)
    {
        int length = System.Numerics.BitOperations.LeadingZeroCount(~mask);
        return length == 32 || mask << length == 0 ? length : 0;
    }
}
