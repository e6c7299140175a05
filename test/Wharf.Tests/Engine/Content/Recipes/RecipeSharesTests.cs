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
    public async Task Who_holds_a_share_for_ever_holds_up_nobody()
    {
        var stop = TestContext.Current.CancellationToken;
        var shares = new RecipeShares(TimeSpan.FromMilliseconds(50));
        using var hung = await shares.TakeAsync(1, stop);
        using var all = await shares.TakeAsync(RecipeShares.All, stop).WaitAsync(TimeSpan.FromSeconds(10), stop);
        using var another = await shares.TakeAsync(1, stop).WaitAsync(TimeSpan.FromSeconds(10), stop);
    }
}
