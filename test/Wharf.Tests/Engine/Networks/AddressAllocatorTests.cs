using System.Net;
using CsCheck;
using Shouldly;
using Wharf.Engine.Networks;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class AddressAllocatorTests
{
    [Fact]
    public void The_first_address_after_the_gateway_comes_first()
    {
        var allocator = AddressAllocator.Of(new IpamConfig { Subnet = "172.17.0.0/16", Gateway = "172.17.0.1" });
        allocator.Allocate().ToString().ShouldBe("172.17.0.2");
        allocator.Allocate().ToString().ShouldBe("172.17.0.3");
    }

    [Fact]
    public void A_range_limits_what_is_given_out_but_not_what_can_be_asked_for()
    {
        var allocator = AddressAllocator.Of(new IpamConfig { Subnet = "10.1.0.0/24", IPRange = "10.1.0.128/30", Gateway = "10.1.0.1" });
        string[] given = [.. Enumerable.Range(0, 4).Select(_ => allocator.Allocate().ToString())];
        given.ShouldBe(["10.1.0.128", "10.1.0.129", "10.1.0.130", "10.1.0.131"]);
        Should.Throw<WharfException>(() => allocator.Allocate()).Message.ShouldContain("no available IPv4 addresses");
        allocator.Allocate(IPAddress.Parse("10.1.0.9"));
    }

    [Fact]
    public void Gateway_auxiliary_network_and_broadcast_addresses_are_never_given_out()
    {
        var allocator = AddressAllocator.Of(new IpamConfig { Subnet = "10.1.0.0/29", Gateway = "10.1.0.1", AuxiliaryAddresses = new() { ["router"] = "10.1.0.3" } });
        var given = new List<string>();
        while (true)
        {
            try { given.Add(allocator.Allocate().ToString()); }
            catch (WharfException) { break; }
        }
        given.ShouldBe(["10.1.0.2", "10.1.0.4", "10.1.0.5", "10.1.0.6"]);
        Should.Throw<WharfException>(() => allocator.Allocate(IPAddress.Parse("10.1.0.3"))).Message.ShouldBe("Address already in use");
    }

    [Theory]
    [InlineData("10.2.0.1")]
    [InlineData("fd00::1")]
    public void An_address_outside_is_refused(string address) =>
        Should.Throw<WharfException>(() => AddressAllocator.Of(new IpamConfig { Subnet = "10.1.0.0/24" }).Allocate(IPAddress.Parse(address))).Kind.ShouldBe(ErrorKind.InvalidArgument);

    [Fact]
    public void A_point_to_point_subnet_has_two_addresses()
    {
        var allocator = AddressAllocator.Of(new IpamConfig { Subnet = "10.1.0.0/31" });
        new[] { allocator.Allocate().ToString(), allocator.Allocate().ToString() }.ShouldBe(["10.1.0.0", "10.1.0.1"]);
    }

    [Fact]
    public void A_huge_IPv6_subnet_is_no_burden()
    {
        var allocator = AddressAllocator.Of(new IpamConfig { Subnet = "fd00::/8", Gateway = "fd00::1" });
        allocator.Allocate().ToString().ShouldBe("fd00::2");
    }

    /// <summary>Whatever is taken and freed in whatever order: no address is given out twice, and none is lost.</summary>
    [Fact]
    public void No_address_is_ever_given_out_twice_and_none_is_lost() => Gen.Int[0, 99].Array[0, 200].Sample(steps =>
    {
        var allocator = AddressAllocator.Of(new IpamConfig { Subnet = "10.1.0.0/28", Gateway = "10.1.0.1" });
        var held = new List<IPAddress>();
        foreach (int step in steps)
        {
            if (step % 3 != 0 && held.Count < 13)
            {
                var address = allocator.Allocate();
                held.ShouldNotContain(address);
                held.Add(address);
            }
            else if (held.Count > 0)
            {
                allocator.Release(held[step % held.Count]);
                held.RemoveAt(step % held.Count);
            }
        }
        while (held.Count < 13) held.Add(allocator.Allocate());
        held.Distinct().Count().ShouldBe(13);
        Should.Throw<WharfException>(() => allocator.Allocate());
    });

    [Fact]
    public void What_a_running_container_has_is_not_given_out()
    {
        var allocator = AddressAllocator.Of(new IpamConfig { Subnet = "10.1.0.0/24", Gateway = "10.1.0.1" });
        allocator.Adopt(IPAddress.Parse("10.1.0.2"));
        allocator.Allocate().ToString().ShouldBe("10.1.0.3");
        allocator.Release(IPAddress.Parse("10.1.0.2"));
        allocator.Allocate().ToString().ShouldBe("10.1.0.2");
    }
}
