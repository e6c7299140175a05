namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// The memory for playing recipes, in shares of some 16 MB: however many layers are sent at a time, those that are made again take no more than all of
/// them together. First come, first served: a large one is not passed over for ever by small ones.
/// </summary>
internal sealed class RecipeShares
{
    public const int All = 4;

    private readonly SemaphoreSlim _turn = new(1), _shares = new(All);

    /// <summary>Waits for shares; disposing gives them back.</summary>
    public async Task<IDisposable> TakeAsync(int count, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        var taken = new Taken(_shares);
        try
        {
            for (; taken.Count < count; taken.Count++) await _shares.WaitAsync(cancellation).ConfigureAwait(false);
            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
        finally { _turn.Release(); }
    }

    private sealed class Taken(SemaphoreSlim shares) : IDisposable
    {
        public int Count { get; set; }

        public void Dispose()
        {
            if (Count > 0) shares.Release(Count);
            Count = 0;
        }
    }
}
