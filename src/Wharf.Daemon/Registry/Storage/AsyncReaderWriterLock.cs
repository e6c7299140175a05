namespace Wharf.Daemon.Registry.Storage;

/// <summary>Many readers or one writer, without blocking a thread. A waiting writer goes before later readers.</summary>
internal sealed class AsyncReaderWriterLock
{
    private readonly SemaphoreSlim _entry = new(1, 1);
    private readonly SemaphoreSlim _free = new(1, 1);
    private readonly Lock _lock = new();
    private int _readers;

    public async Task<IDisposable> ReaderAsync(CancellationToken cancellation)
    {
        await _entry.WaitAsync(cancellation);
        try
        {
            bool first;
            lock (_lock) first = _readers == 0;
            if (first) await _free.WaitAsync(cancellation);
            lock (_lock) _readers++;
        }
        finally { _entry.Release(); }
        return new Exit(() =>
        {
            lock (_lock)
                if (--_readers == 0) _free.Release();
        });
    }

    public async Task<IDisposable> WriterAsync(CancellationToken cancellation)
    {
        await _entry.WaitAsync(cancellation);
        try { await _free.WaitAsync(cancellation); }
        finally { _entry.Release(); }
        return new Exit(() => _free.Release());
    }

    private sealed class Exit(Action action) : IDisposable
    {
        private Action? _action = action;
        public void Dispose() => Interlocked.Exchange(ref _action, null)?.Invoke();
    }
}
