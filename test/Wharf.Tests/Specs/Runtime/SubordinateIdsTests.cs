using Shouldly;
using Wharf.Specs.Runtime;
using Xunit;

namespace Wharf.Tests.Specs.Runtime;

public sealed class SubordinateIdsTests
{
    private static readonly string[] Lines = ["# numbers", "alice:100000:65536", "bob:165536:65536", "1000:300000:10", "alice:many:65536", "alice:5", "alice:400000:0", "alice:500000:7"];

    [Fact]
    public void A_user_has_what_stands_under_his_name_or_number() => SubordinateIds.Of(Lines, "alice", 1000).ShouldBe([(100000, 65536), (300000, 10), (500000, 7)]);

    [Fact]
    public void Another_has_nothing_of_it() => SubordinateIds.Of(Lines, "mallory", 1001).ShouldBeEmpty();

    [Fact]
    public void In_his_namespace_he_is_root_and_the_granted_numbers_follow_without_gaps() => SubordinateIds.Map(1000, [(100000, 65536), (300000, 10)]).ShouldBe(
    [
        new IdMapping { ContainerId = 0, HostId = 1000, Size = 1 }, new IdMapping { ContainerId = 1, HostId = 100000, Size = 65536 }, new IdMapping { ContainerId = 65537, HostId = 300000, Size = 10 },
    ]);
}
