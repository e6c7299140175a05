using Shouldly;
using Wharf.Runtime.Cgroups;
using Wharf.Specs.Runtime;
using Xunit;

namespace Wharf.Tests.Runtime.Cgroups;

/// <summary>Conversions from the configuration's units to cgroup v2's.</summary>
public sealed class ResourceTextTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(512, 59)]
    [InlineData(1024, 100)]
    [InlineData(2048, 174)]
    [InlineData(262144, 10000)]
    [InlineData(400000, 10000)]
    public void Shares_become_a_weight_on_the_curve_through_default_and_ends(ulong shares, ulong weight) => ResourceText.WeightOfShares(shares).ShouldBe(weight);

    [Theory]
    [InlineData(10, 1)]
    [InlineData(500, 4950)]
    [InlineData(1000, 10000)]
    public void An_io_weight_is_stretched(ushort weight, ulong result) => ResourceText.IoWeightOf(weight).ShouldBe(result);

    [Theory]
    [InlineData(0, 0, null)]
    [InlineData(0, -1, -1L)]
    [InlineData(-1, 100, -1L)]
    [InlineData(300, 100, 200L)]
    [InlineData(100, 100, 0L)]
    public void Swap_is_counted_alone(long swap, long memory, long? result) => ResourceText.SwapAlone(swap, memory).ShouldBe(result);

    [Theory]
    [InlineData(100, 0, "unable to set swap limit without memory limit")]
    [InlineData(100, -1, "unable to set swap limit without memory limit")]
    [InlineData(50, 100, "memory+swap limit should be >= memory limit")]
    public void Swap_without_sense_is_refused_by_name(long swap, long memory, string message)
    {
        var error = Should.Throw<CgroupException>(() => ResourceText.SwapAlone(swap, memory));
        error.Field.ShouldBe("linux.resources.memory.swap");
        error.Message.ShouldContain(message);
    }

    [Fact]
    public void A_new_memory_limit_keeps_the_sum_that_was_set()
    {
        var current = new CurrentLimits(Memory: 100, MemoryAndSwap: 200, Quota: null, Period: null);
        CgroupV2.SwapOf(new LinuxMemory { Limit = 150 }, current).ShouldBe(50);
        CgroupV2.SwapOf(new LinuxMemory { Swap = 400 }, current).ShouldBe(300);
        CgroupV2.SwapOf(new LinuxMemory { Limit = 300 }, current).ShouldBeNull();
        CgroupV2.SwapOf(new LinuxMemory { Limit = -1 }, current).ShouldBe(-1);
    }
}
