using Microsoft.Extensions.Logging;
using Wharf.Linux.Memory;

namespace Wharf.Daemon.Hosting;

/// <summary>
/// A second after the last request the daemon collects its garbage and gives back the memory that only the work needed. A timer runs
/// only while there was something to do since: an idle daemon never wakes up.
/// </summary>
public sealed class IdleMemory(ILogger<IdleMemory> log) : IAsyncDisposable
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private Timer? _timer;
    private long _lastRequest;
    private bool _armed, _disposed;

    /// <summary>A request began or ended. Costs one clock read, and arming the timer for the first one after a rest.</summary>
    public void Touch()
    {
        Volatile.Write(ref _lastRequest, Environment.TickCount64);
        if (Volatile.Read(ref _armed)) return;
        lock (_lock)
        {
            if (_armed || _disposed) return;
            _armed = true;
            (_timer ??= new Timer(static state => ((IdleMemory)state!).Fire(), this, Timeout.Infinite, Timeout.Infinite)).Change(Quiet, Timeout.InfiniteTimeSpan);
        }
    }

    private void Fire()
    {
        lock (_lock)
        {
            if (_disposed) return;
            long rest = (long)Quiet.TotalMilliseconds - (Environment.TickCount64 - Volatile.Read(ref _lastRequest));
            if (rest > 0)
            {
                _timer!.Change(rest, Timeout.Infinite);
                return;
            }
            _armed = false;
        }
        log.MemoryReleased(ResidentMemory.Release() >> 10);
    }

    public async ValueTask DisposeAsync()
    {
        lock (_lock) _disposed = true;
        if (_timer is not null) await _timer.DisposeAsync();
    }
}
