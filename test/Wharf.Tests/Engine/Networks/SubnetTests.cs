using System.Net;
using CsCheck;
using Shouldly;
using Wharf.Engine.Networks;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class SubnetTests
{
    private static readonly Gen<Subnet> AnySubnet = Gen.Select(Gen.ULong, Gen.ULong, Gen.Bool, Gen.Int[1, 128]).Select(seed =>
    {
        int bits = seed.Item3 ? 128 : 32, length = (seed.Item4 - 1) % bits + 1;
        var number = seed.Item3 ? (UInt128)seed.Item1 << 64 | seed.Item2 : (uint)seed.Item1;
        var host = bits == length ? 0 : (UInt128.One << (bits - length)) - 1;
        return new Subnet(number & ~host, length, seed.Item3);
    });

    [Fact]
    public void What_is_printed_is_parsed_again() => AnySubnet.Sample(subnet => Subnet.Parse(subnet.ToString()) == subnet);

    [Fact]
    public void First_and_last_are_inside_and_their_neighbours_are_not() => AnySubnet.Sample(subnet =>
        subnet.Contains(subnet.First) && subnet.Contains(subnet.Last) && (subnet.First == 0 || !subnet.Contains(subnet.First - 1)) && (subnet.Last == UInt128.MaxValue || !subnet.Contains(subnet.Last + 1)));

    [Fact]
    public void Overlapping_is_mutual_and_follows_from_containing() => Gen.Select(AnySubnet, AnySubnet).Sample((one, other) =>
        one.Overlaps(other) == other.Overlaps(one) && (!one.Contains(other) || one.Overlaps(other)) && one.Overlaps(one));

    [Theory]
    [InlineData("172.17.0.0")]
    [InlineData("172.17.0.0/33")]
    [InlineData("172.17.0.0/0")]
    [InlineData("172.17.0.0/-1")]
    [InlineData("172.17.0/16")]
    [InlineData("fe80::1%eth0/64")]
    [InlineData("fd00::/129")]
    [InlineData("0x7f.0.0.1/8")]
    [InlineData("/16")]
    [InlineData("")]
    [InlineData(null)]
    public void What_is_no_subnet_is_refused(string? text) => Subnet.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void Bits_behind_the_prefix_are_cleared() => Subnet.Parse("10.1.2.3/16").ToString().ShouldBe("10.1.0.0/16");

    [Fact]
    public void Families_never_meet()
    {
        Subnet.Parse("0.0.0.0/1").Overlaps(Subnet.Parse("::/1")).ShouldBeFalse();
        Subnet.Parse("::/1").Contains(IPAddress.Parse("1.2.3.4")).ShouldBeFalse();
    }
}
