using System.Buffers.Binary;
using System.Net;
using Shouldly;
using Wharf.Linux.Netlink;
using Xunit;

namespace Wharf.Tests.Linux.Netlink;

public class NetlinkMessageTests
{
    [Fact]
    public void The_header_has_length_type_flags_and_sequence()
    {
        var bytes = new NetlinkMessage(16, NetlinkMessage.NLM_F_CREATE).UInt32(7).Finish(42).ToArray();
        bytes.Length.ShouldBe(20);
        BinaryPrimitives.ReadUInt32LittleEndian(bytes).ShouldBe(20u);
        BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(4)).ShouldBe((ushort)16);
        BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(6)).ShouldBe((ushort)(NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_REQUEST | NetlinkMessage.NLM_F_ACK));
        BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8)).ShouldBe(42u);
    }

    [Fact]
    public void Attributes_are_padded_to_four_bytes_and_say_their_true_length()
    {
        var bytes = new NetlinkMessage(16, 0).Attribute(3, "lo").Attribute(4, 1500u).Finish(1).ToArray();
        bytes.AsSpan(16).ToArray().ShouldBe([7, 0, 3, 0, (byte)'l', (byte)'o', 0, 0, 8, 0, 4, 0, 0xdc, 5, 0, 0]);
    }

    [Fact]
    public void A_nested_attribute_holds_what_is_in_it()
    {
        var bytes = new NetlinkMessage(16, 0).Nested(18, info => info.Attribute(1, [9]).Nested(2, data => data.Attribute(4, [1]))).Finish(1).ToArray();
        bytes.AsSpan(16).ToArray().ShouldBe([24, 0, 18, 0, 5, 0, 1, 0, 9, 0, 0, 0, 12, 0, 2, 0, 5, 0, 4, 0, 1, 0, 0, 0]);
    }

    [Fact] // CVE-2021-43784
    public void A_value_too_long_for_the_length_field_is_refused()
    {
        var message = new NetlinkMessage(16, 0);
        Should.Throw<ArgumentOutOfRangeException>(() => message.Attribute(1, new byte[65536]));
        Should.Throw<ArgumentOutOfRangeException>(() => new NetlinkMessage(16, 0).Nested(1, inner => inner.Attribute(1, new byte[40000]).Attribute(2, new byte[40000])));
    }

    [Fact]
    public void An_address_carries_its_broadcast_address_and_an_IPv6_one_skips_duplicate_detection()
    {
        var (_, v4) = RouteRequest.AddAddress(2, IPAddress.Parse("172.17.0.2"), 16);
        var text = Convert.ToHexString(v4.Finish(1));
        text.ShouldContain("AC110002");
        text.ShouldContain("0800" + "0400" + "AC11FFFF"); // IFA_BROADCAST
        var (_, v6) = RouteRequest.AddAddress(2, IPAddress.Parse("fd00::2"), 64);
        v6.Finish(1)[16..20].ToArray().ShouldBe([10, 64, 2, 0]);
    }

    [Fact]
    public void Each_request_says_what_it_does()
    {
        RouteRequest.SetUp(2).Item1.ShouldBe("set up link 2");
        RouteRequest.AddDefaultRoute(IPAddress.Parse("172.17.0.1"), 2).Item1.ShouldBe("add default route via 172.17.0.1");
    }
}
