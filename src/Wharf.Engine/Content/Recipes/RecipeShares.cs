namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// The memory for playing recipes, in shares of some 16 MB: however many layers are sent at a time, those that are made again take no more than all of
/// them together. First come, first served: a large one is not passed over for ever by small ones. Who waits looks after each <see cref="Patience"/> whether those who hold shares go on:
/// a receiver that takes next to nothing any more loses its share, for it must hold up nobody else.
/// </summary>
/// <param name="patience">How long one waits until the next look.</param>
/// <param name="looking">Called before each look.</param>
internal sealed class RecipeShares(TimeSpan patience, Action? looking = null)
{
    public const int All = 4;

    /// <summary>Who has made fewer bytes than this between two looks hangs.</summary>
    public const long Least = 1 << 20;

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _turn = new(1), _shares = new(All);
    private readonly Lock _lock = new();
    private readonly List<Share> _held = [];
    private volatile bool _isUsed;

    /// <summary>Waits for shares; disposing gives them back.</summary>
    public async Task<Share> TakeAsync(int count, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        int taken = 0;
        try
        {
            while (taken < count)
            {
                if (await _shares.WaitAsync(patience, cancellation).ConfigureAwait(false)) taken++;
                else Look();
            }
            Reclaim();
            var share = new Share(this, count);
            lock (_lock) _held.Add(share);
            return share;
        }
        catch
        {
            if (taken > 0) _shares.Release(taken);
            throw;
        }
        finally { _turn.Release(); }
    }

    /// <summary>What earlier players have left is memory until the collector comes, which it does when it likes.</summary>
    private void Reclaim()
    {
        if (!_isUsed) return;
        _isUsed = false;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
    }

    /// <summary>Takes shares from those that hang. Whose turn it is looks, one after the other.</summary>
    private void Look()
    {
        looking?.Invoke();
        lock (_lock)
            foreach (var share in _held.FindAll(static share => !share.HasGoneOn())) GiveBack(share);
    }

    private void GiveBack(Share share)
    {
        lock (_lock)
        {
            if (!_held.Remove(share)) return;
            _isUsed |= share.Count == All;
            _shares.Release(share.Count);
        }
    }

    /// <summary>What one holds.</summary>
    internal sealed class Share(RecipeShares owner, int count) : IDisposable
    {
        private long _made, _atLastLook;

        public int Count => count;

        /// <summary>Tells that so many bytes more were made.</summary>
        public void Advance(long bytes) => Interlocked.Add(ref _made, bytes);

        /// <summary>Whether enough was made since this was last asked.</summary>
        public bool HasGoneOn()
        {
            long before = _atLastLook;
            _atLastLook = Interlocked.Read(ref _made);
            return _atLastLook - before >= Least;
        }

        public void Dispose() => owner.GiveBack(this);
    }
}
