using Shouldly;
using Wharf.Engine.Content.Recipes;
using Xunit;

namespace Wharf.Tests.Engine.Content.Recipes;

public class RecipeSharesTests
{
    [Fact]
    public async Task No_more_is_given_than_there_is_and_the_first_who_waits_comes_first()
    {
        var stop = TestContext.Current.CancellationToken;
        var shares = new RecipeShares(TimeSpan.FromMinutes(1));
        var one = await shares.TakeAsync(1, stop);
        var all = shares.TakeAsync(RecipeShares.All, stop);
        var small = shares.TakeAsync(1, stop);
        all.IsCompleted.ShouldBeFalse();
        small.IsCompleted.ShouldBeFalse("the large one was first");
        one.Dispose();
        (await all.WaitAsync(TimeSpan.FromSeconds(10), stop)).Dispose();
        (await small.WaitAsync(TimeSpan.FromSeconds(10), stop)).Dispose();
        // What was taken while waiting in vain comes back.
        using (await shares.TakeAsync(1, stop))
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
            await Should.ThrowAsync<OperationCanceledException>(shares.TakeAsync(RecipeShares.All, patience.Token));
        }
        (await shares.TakeAsync(RecipeShares.All, stop).WaitAsync(TimeSpan.FromSeconds(10), stop)).Dispose();
    }

    [Fact]
    public async Task Who_hangs_loses_its_share_and_who_goes_on_keeps_it_however_long_that_takes()
    {
        var stop = TestContext.Current.CancellationToken;
        RecipeShares.Share? working = null;
        int looks = 0;
        var often = new TaskCompletionSource();
        var shares = new RecipeShares(TimeSpan.FromMilliseconds(20), () =>
        {
            working?.Advance(RecipeShares.Least);
            if (++looks == 5) often.TrySetResult();
        });
        using var hung = await shares.TakeAsync(2, stop);
        working = await shares.TakeAsync(2, stop);
        // The first look takes the share of the one that does nothing.
        using var next = await shares.TakeAsync(2, stop).WaitAsync(TimeSpan.FromSeconds(10), stop);
        var waiting = shares.TakeAsync(RecipeShares.All, stop);
        await often.Task.WaitAsync(TimeSpan.FromSeconds(10), stop);
        waiting.IsCompleted.ShouldBeFalse("one of them goes on");
        // What was lost is not given back a second time.
        hung.Dispose();
        waiting.IsCompleted.ShouldBeFalse();
        working.Dispose();
        (await waiting.WaitAsync(TimeSpan.FromSeconds(10), stop)).Dispose();
    }

    [Fact]
    public async Task A_trickle_is_no_progress()
    {
        var stop = TestContext.Current.CancellationToken;
        RecipeShares.Share? trickling = null;
        var shares = new RecipeShares(TimeSpan.FromMilliseconds(20), () => trickling?.Advance(RecipeShares.Least / 2));
        trickling = await shares.TakeAsync(RecipeShares.All, stop);
        using var all = await shares.TakeAsync(RecipeShares.All, stop).WaitAsync(TimeSpan.FromSeconds(10), stop);
    }
}
