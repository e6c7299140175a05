using System.Net;
using CsCheck;
using Shouldly;
using Wharf.Engine.Networks.Dhcp;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class DhcpMessageTests
{
    private static readonly byte[] Mac = [2, 0x42, 1, 2, 3, 4];

    /// <summary>A server's answer with these options, as RFC 2131 lays it out.</summary>
    private static byte[] Reply(params byte[][] options)
    {
        var packet = new byte[240];
        (packet[0], packet[1], packet[2]) = (2, 1, 6);
        new byte[] { 0xde, 0xad, 0xbe, 0xef }.CopyTo(packet, 4);
        new byte[] { 10, 1, 2, 77 }.CopyTo(packet, 16);
        Mac.CopyTo(packet, 28);
        new byte[] { 0x63, 0x82, 0x53, 0x63 }.CopyTo(packet, 236);
        return [.. packet, .. options.SelectMany(option => option), 255];
    }

    [Fact]
    public void An_offer_is_read()
    {
        var offer = DhcpMessage.Read(Reply([53, 1, 2], [0], [1, 4, 255, 255, 240, 0], [3, 8, 10, 1, 2, 1, 10, 1, 2, 2], [54, 4, 10, 1, 2, 3], [51, 4, 0, 0, 14, 16], [58, 4, 0, 0, 7, 8], [6, 4, 1, 1, 1, 1]))!;
        (offer.Kind, offer.Transaction, offer.PrefixLength).ShouldBe((DhcpKind.Offer, 0xdeadbeef, 20));
        (offer.Yours, offer.Router, offer.Server).ShouldBe((IPAddress.Parse("10.1.2.77"), IPAddress.Parse("10.1.2.1"), IPAddress.Parse("10.1.2.3")));
        (offer.Lease, offer.Renew).ShouldBe((TimeSpan.FromHours(1), TimeSpan.FromMinutes(30)));
        offer.Hardware.ShouldBe(Mac);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(255, 32)]
    public void A_mask_of_one_kind_of_byte(byte part, int expected) => DhcpMessage.Read(Reply([53, 1, 5], [1, 4, part, part, part, part]))!.PrefixLength.ShouldBe(expected);

    [Fact]
    public void What_does_not_make_sense_is_left_out_or_refused()
    {
        DhcpMessage.Read(Reply([53, 1, 5], [1, 4, 255, 0, 255, 0]))!.PrefixLength.ShouldBe(0, "a mask with a hole");
        DhcpMessage.Read(Reply([53, 1, 5], [3, 2, 10, 1]))!.Router.ShouldBeNull("half an address");
        DhcpMessage.Read(Reply([1, 4, 255, 255, 255, 0])).ShouldBeNull("BOOTP, no kind");
        DhcpMessage.Read(Reply([53, 1, 2], [54, 200, 1])).ShouldBeNull("an option longer than the packet");
        DhcpMessage.Read(Reply([53, 1, 2])[..239]).ShouldBeNull("cut off");
        var question = Reply([53, 1, 2]);
        question[0] = 1;
        DhcpMessage.Read(question).ShouldBeNull("a client's");
    }

    [Fact]
    public void Whatever_comes_is_read_within_its_bounds()
    {
        var start = Reply([53, 1, 2])[..240];
        Gen.Byte.Array[0, 80].Sample(tail => { _ = DhcpMessage.Read([.. start, .. tail]); });
        Gen.Byte.Array[0, 300].Sample(packet => { _ = DhcpMessage.Read(packet); _ = UdpPacket.Read(packet, 68).Length; });
    }

    [Fact]
    public void A_question_asks_for_a_broadcast_and_names_the_client()
    {
        var packet = new DhcpMessage { Kind = DhcpKind.Request, Transaction = 0x01020304, Hardware = Mac, Requested = IPAddress.Parse("10.1.2.77"), Server = IPAddress.Parse("10.1.2.3"), Hostname = "web" }.Write();
        packet.Length.ShouldBe(300);
        packet[..12].ShouldBe([1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0x80, 0]);
        packet[28..34].ShouldBe(Mac);
        packet[236..267].ShouldBe([0x63, 0x82, 0x53, 0x63, 53, 1, 3, 50, 4, 10, 1, 2, 77, 54, 4, 10, 1, 2, 3, 12, 3, (byte)'w', (byte)'e', (byte)'b', 55, 4, 1, 3, 51, 58, 255]);
        new DhcpMessage { Kind = DhcpKind.Release, Hardware = Mac, Client = IPAddress.Parse("10.1.2.77") }.Write()[10..16].ShouldBe([0, 0, 10, 1, 2, 77]);
    }

    [Fact]
    public void A_datagram_is_written_as_it_is_read()
    {
        var packet = UdpPacket.Write(IPAddress.Any, IPAddress.Broadcast, 68, 67, [1, 2, 3]);
        UdpPacket.Read(packet, 67).ToArray().ShouldBe([1, 2, 3]);
        UdpPacket.Read(packet, 68).Length.ShouldBe(0, "another port's");
        int sum = 0;
        for (int at = 0; at < 20; at += 2) sum += packet[at] << 8 | packet[at + 1];
        ((sum & 0xffff) + (sum >> 16)).ShouldBe(0xffff, "RFC 1071");
        packet[2] = 1; // longer than it is
        UdpPacket.Read(packet, 67).Length.ShouldBe(0);
    }
}
