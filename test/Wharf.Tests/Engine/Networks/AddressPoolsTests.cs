using Shouldly;
using Wharf.Engine.Networks;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class AddressPoolsTests
{
    [Fact]
    public void Pools_are_dockers_and_overlap_nowhere()
    {
        var pools = AddressPools.Default().ToList();
        pools.Count.ShouldBe(31);
        pools[0].ToString().ShouldBe("172.17.0.0/16");
        pools[14].ToString().ShouldBe("172.31.0.0/16");
        pools[15].ToString().ShouldBe("192.168.0.0/20");
        pools[30].ToString().ShouldBe("192.168.240.0/20");
        for (int i = 0; i < pools.Count; i++) pools.Skip(i + 1).ShouldNotContain(other => pools[i].Overlaps(other));
    }

    [Fact]
    public void A_pool_that_the_host_routes_is_passed_over()
    {
        AddressPools.Choose(AddressPools.Default(), [Subnet.Parse("172.17.4.0/24"), Subnet.Parse("172.18.0.0/15")])!.Value.ToString().ShouldBe("172.20.0.0/16");
        AddressPools.Choose(AddressPools.Default(), [Subnet.Parse("172.16.0.0/12"), Subnet.Parse("192.168.0.0/16")]).ShouldBeNull();
    }

    [Fact]
    public void Routes_are_read_as_the_kernel_prints_them()
    {
        string[] table =
        [
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
            "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
            "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
        ];
        AddressPools.HostRoutes(table).Select(route => (route.Interface, route.Subnet.ToString())).ShouldBe([("eth0", "192.0.2.0/24"), ("docker0", "172.17.0.0/16")]);
    }

    [Fact]
    public void Routes_of_IPv6_are_read_without_those_that_every_machine_has()
    {
        string[] table =
        [
            "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe8000000000000000fc00fffe000001 00000400 00000001 00000000 00000003     eth0",
            "fd120034000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth1",
            "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0",
            "ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000004 00000000 00000001     eth0",
            "00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000006 00000000 80200001       lo",
        ];
        AddressPools.HostRoutes6(table).Select(route => (route.Interface, route.Subnet.ToString())).ShouldBe([("eth1", "fd12:34::/64")]);
    }

    [Fact]
    public void IPv6_pools_are_unique_local_and_differ_between_instances()
    {
        var own = AddressPools.DefaultIPv6("2d9ffdef").Take(2).Select(pool => pool.ToString()).ToList();
        own.ShouldBe(["fd2d:9ffd:ef77::/64", "fd2d:9ffd:ef77:1::/64"]);
        AddressPools.DefaultIPv6("00000000").First().ToString().ShouldNotBe(own[0]);
    }

    [Fact]
    public void A_pool_is_cut_into_subnets_of_its_size()
    {
        AddressPools.Split(new AddressPool(Subnet.Parse("10.10.0.0/22"), 24)).Select(subnet => subnet.ToString()).ShouldBe(["10.10.0.0/24", "10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/24"]);
        AddressPools.Split(new AddressPool(Subnet.Parse("fd00::/48"), 64)).Take(2).Select(subnet => subnet.ToString()).ShouldBe(["fd00::/64", "fd00:0:0:1::/64"]);
        AddressPools.Split(new AddressPool(Subnet.Parse("10.0.0.0/8"), 8)).Count().ShouldBe(1);
    }
}
