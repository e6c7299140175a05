namespace Wharf.Engine.Images;

/// <summary>How many layers the engine fetches, or sends, at once: over all pulls, or pushes, and first come first served. The limit may change meanwhile.</summary>
internal sealed class TransferSlots(Func<int> limit)
{
    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _waiting = [];
    private int _taken;

    /// <summary>Returns when a slot is the caller's, who gives it back by <see cref="Release"/>.</summary>
    public async Task WaitAsync(CancellationToken cancellation)
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _waiting.Enqueue(turn);
            Admit();
        }
        await using (cancellation.Register(() => turn.TrySetCanceled(cancellation))) await turn.Task.ConfigureAwait(false);
    }

    /// <summary>Takes a slot that is free and that nobody waits for; who gets it gives it back by <see cref="Release"/>.</summary>
    public bool TryTake()
    {
        lock (_lock)
        {
            if (_taken >= limit() || _waiting.Any(static turn => !turn.Task.IsCompleted)) return false;
            _taken++;
            return true;
        }
    }

    public void Release()
    {
        lock (_lock)
        {
            _taken--;
            Admit();
        }
    }

    private void Admit()
    {
        // Who was cancelled while waiting takes none.
        while (_taken < limit() && _waiting.TryDequeue(out var next)) if (next.TrySetResult()) _taken++;
    }
}
