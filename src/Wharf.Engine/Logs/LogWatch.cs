namespace Wharf.Engine.Logs;

/// <summary>Tells when a log file has grown or another took its place (inotify, through the framework's watcher).</summary>
internal sealed class LogWatch : IDisposable
{
    private readonly FileSystemWatcher _watcher;
    private readonly SemaphoreSlim _changed = new(0, 1);

    public LogWatch(string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(directory);
        _watcher = new FileSystemWatcher(directory, Path.GetFileName(path)) { NotifyFilter = NotifyFilters.Size | NotifyFilters.LastWrite | NotifyFilters.FileName };
        _watcher.Changed += (_, _) => Wake();
        _watcher.Created += (_, _) => Wake();
        _watcher.Renamed += (_, _) => Wake();
        _watcher.EnableRaisingEvents = true;
    }

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
