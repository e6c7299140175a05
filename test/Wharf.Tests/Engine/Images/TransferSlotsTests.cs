using Shouldly;
using Wharf.Engine.Images;
using Xunit;

namespace Wharf.Tests.Engine.Images;

public sealed class TransferSlotsTests
{
    [Fact]
    public async Task Slots_go_to_those_who_came_first_and_not_to_those_who_gave_up()
    {
        var slots = new TransferSlots(static () => 1);
        await slots.WaitAsync(default);
        using var stop = new CancellationTokenSource();
        var (gaveUp, second, third) = (slots.WaitAsync(stop.Token), slots.WaitAsync(default), slots.WaitAsync(default));
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(gaveUp);
        (second.IsCompleted, third.IsCompleted).ShouldBe((false, false));
        slots.Release();
        await second;
        third.IsCompleted.ShouldBeFalse();
        slots.Release();
        await third;
    }

    [Fact]
    public async Task Who_only_tries_comes_after_those_who_wait()
    {
        var slots = new TransferSlots(static () => 2);
        await slots.WaitAsync(default);
        (slots.TryTake(), slots.TryTake()).ShouldBe((true, false));
        var waiting = slots.WaitAsync(default);
        slots.Release();
        await waiting;
        slots.TryTake().ShouldBeFalse();
        slots.Release();
        slots.TryTake().ShouldBeTrue();
    }

    [Fact]
    public async Task A_limit_that_changes_holds_from_the_next_change_on()
    {
        int limit = 1;
        var slots = new TransferSlots(() => limit);
        var all = Enumerable.Range(0, 5).Select(_ => slots.WaitAsync(default)).ToList();
        all.Count(task => task.IsCompleted).ShouldBe(1);
        limit = 3;
        slots.Release();
        await Task.WhenAll(all[1..4]);
        all[4].IsCompleted.ShouldBeFalse();
        limit = 1;
        slots.Release();
        slots.Release();
        all[4].IsCompleted.ShouldBeFalse();
        slots.Release();
        await all[4];
    }
}
