using System.Diagnostics;

namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// The memory for playing recipes, in shares of some 16 MB: however many layers are sent at a time, those that are made again take no more than all of
/// them together. First come, first served: a large one is not passed over for ever by small ones. Who has waited for <see cref="Patience"/> goes on with
/// what there is: a receiver that takes nothing any more holds its share, and must hold up nobody else.
/// </summary>
internal sealed class RecipeShares(TimeSpan patience)
{
    public const int All = 4;

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _turn = new(1), _shares = new(All);

    /// <summary>Waits for shares; disposing gives them back.</summary>
    public async Task<IDisposable> TakeAsync(int count, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        var taken = new Taken(_shares);
        if (!await _turn.WaitAsync(patience, cancellation).ConfigureAwait(false)) return taken;
        try
        {
            while (taken.Count < count && await _shares.WaitAsync(Left(), cancellation).ConfigureAwait(false)) taken.Count++;
            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
        finally { _turn.Release(); }

        TimeSpan Left() => TimeSpan.FromTicks(Math.Max(0, (patience - Stopwatch.GetElapsedTime(start)).Ticks));
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
