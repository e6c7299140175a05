using Shouldly;
using Wharf.Engine.Volumes;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;
using Xunit;

namespace Wharf.Tests.Engine.Volumes;

public class IdMapOptionTests
{
    [Fact]
    public void Maps_are_read_in_podmans_words()
    {
        var plan = MountParser.ParseBind("/host:/in:ro,idmap=uids=0-1000-1#5-2000-10;gids=0-7-1");
        plan.ReadOnly.ShouldBeTrue();
        plan.IdMap!.Uids.ShouldBe([new IdMapping { ContainerId = 0, HostId = 1000, Size = 1 }, new IdMapping { ContainerId = 5, HostId = 2000, Size = 10 }]);
        plan.IdMap.Gids.ShouldBe([new IdMapping { ContainerId = 0, HostId = 7, Size = 1 }]);
        plan.IdMap.Recursive.ShouldBeFalse();
        MountParser.ParseBind("vol:/in:ridmap=uids=0-1-1").IdMap!.Gids.ShouldBe([new IdMapping { ContainerId = 0, HostId = 1, Size = 1 }]);
        MountParser.ParseBind("/host:/in").IdMap.ShouldBeNull();
    }

    [Theory]
    [InlineData("idmap")]
    [InlineData("idmap=")]
    [InlineData("idmap=uids=")]
    [InlineData("idmap=uids=0-1")]
    [InlineData("idmap=uids=0-1-0")]
    [InlineData("idmap=uids=-1-1-1")]
    [InlineData("idmap=uids=0-1-4294967296")]
    [InlineData("idmap=uids=0-1-1;uids=0-1-1")]
    [InlineData("idmap=users=0-1-1")]
    [InlineData("idmap=uids=0-1-1,idmap=uids=0-1-1")]
    public void What_is_no_map_is_no_mode(string mode) => Should.Throw<WharfException>(() => MountParser.ParseBind($"/host:/in:{mode}")).Message.ShouldBe($"invalid mode: {mode}");
}
