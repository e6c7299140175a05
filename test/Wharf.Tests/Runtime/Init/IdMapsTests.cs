using Shouldly;
using Wharf.Runtime.Init;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;
using Xunit;

namespace Wharf.Tests.Runtime.Init;

public sealed class IdMapsTests
{
    private static readonly IdMaps Maps = new([new IdMapping { ContainerId = 0, HostId = 1000, Size = 1 }, new IdMapping { ContainerId = 1, HostId = 200000, Size = 100 }], [new IdMapping { ContainerId = 0, HostId = 50, Size = 10 }]);

    [Theory]
    [InlineData(0u, 1000u)]
    [InlineData(1u, 200000u)]
    [InlineData(100u, 200099u)]
    public void A_number_is_found_in_its_range(uint inside, uint outside) => Maps.Uid(inside).ShouldBe(outside);

    [Fact]
    public void A_number_outside_all_ranges_is_refused() => Should.Throw<WharfException>(() => Maps.Uid(101)).Message.ShouldContain("101");

    [Fact]
    public void A_map_is_read_as_the_kernel_shows_it() => IdMaps.Parse(["         0     200000      65536", "     70000          5          1"])
        .ShouldBe([new IdMapping { ContainerId = 0, HostId = 200000, Size = 65536 }, new IdMapping { ContainerId = 70000, HostId = 5, Size = 1 }]);

    [Fact]
    public void Groups_have_their_own_map() => Maps.Gid(9).ShouldBe(59u);

    [Fact]
    public void Without_a_user_namespace_every_number_is_itself()
    {
        var maps = IdMaps.Of(new LinuxSpec { UidMappings = [new IdMapping { HostId = 1, Size = 1 }] });
        maps.IsHost.ShouldBeTrue();
        maps.Uid(77).ShouldBe(77u);
    }

    [Theory]
    [InlineData("0-2,5", new[] { 0, 1, 2, 5 })]
    [InlineData("3", new[] { 3 })]
    public void Lists_of_CPUs_are_read(string list, int[] numbers) => Priorities.CpuList(list, 8).ShouldBe(numbers);

    [Theory]
    [InlineData("2-1")]
    [InlineData("9")]
    [InlineData("x")]
    [InlineData("-1")]
    public void Lists_that_are_none_are_refused(string list) => Should.Throw<WharfException>(() => Priorities.CpuList(list, 8).ToList());
}
