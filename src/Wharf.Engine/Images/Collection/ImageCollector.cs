using Microsoft.Extensions.Logging;

namespace Wharf.Engine.Images.Collection;

/// <summary>Looks from time to time whether images are to go; what the rules and the time between two looks are is asked anew each time.</summary>
public sealed class ImageCollector(DaemonOptions options, ImageService images, ILogger log) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _changed = new(0);
    private Task _loop = Task.CompletedTask;

    public void Start() => _loop = Task.Run(RunAsync);

    /// <summary>The options were read anew.</summary>
    public void Reconsider() => _changed.Release();

    private async Task RunAsync()
    {
        while (true)
        {
            var pause = options.ImageCollection is { Rules: not { Count: 0 } } collection ? collection.Interval : Timeout.InfiniteTimeSpan;
            if (await _changed.WaitAsync(pause, _stop.Token)) continue;
            try { await images.CollectImagesAsync(images.CollectionRules, dryRun: false, _stop.Token); }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or Specs.Errors.WharfException or Linux.Syscalls.SyscallException or Microsoft.Data.Sqlite.SqliteException) { Log.CollectionFailed(log, error); }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
