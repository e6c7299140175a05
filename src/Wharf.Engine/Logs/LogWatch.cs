namespace Wharf.Engine.Logs;

/// <summary>Tells when a log file has grown or was rotated (inotify, through the framework's watcher).</summary>
internal sealed class LogWatch : IDisposable
{
    private readonly FileSystemWatcher _watcher;
    private readonly SemaphoreSlim _changed = new(0, 1);
    private int _rotated;

    public LogWatch(string path)
    {
        _watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!, Path.GetFileName(path)) { NotifyFilter = NotifyFilters.Size | NotifyFilters.LastWrite | NotifyFilters.FileName };
        _watcher.Changed += (_, _) => Wake();
        _watcher.Created += (_, _) => Wake();
        _watcher.Renamed += (_, _) => { Interlocked.Exchange(ref _rotated, 1); Wake(); };
        _watcher.Deleted += (_, _) => { Interlocked.Exchange(ref _rotated, 1); Wake(); };
        _watcher.EnableRaisingEvents = true;
    }

    /// <summary>True once for each rotation seen.</summary>
    public bool TakeRotated() => Interlocked.Exchange(ref _rotated, 0) == 1;

    private void Wake()
    {
        try { _changed.Release(); }
        catch (SemaphoreFullException) { /* the reader has not looked yet: one wake is enough */ }
        catch (ObjectDisposedException) { /* the reader is gone */ }
    }

    /// <summary>Waits for a change, or for <paramref name="end"/>.</summary>
    public async Task WaitAsync(Task end, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var changed = _changed.WaitAsync(stop.Token);
        await Task.WhenAny(changed, end);
        cancellation.ThrowIfCancellationRequested();
        if (changed.IsCompleted) return;
        await stop.CancelAsync();
        try { await changed; }
        catch (OperationCanceledException) { /* the container stopped first */ }
    }

    public void Dispose()
    {
        _watcher.Dispose();
        _changed.Dispose();
    }
}
