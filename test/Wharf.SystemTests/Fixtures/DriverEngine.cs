namespace Wharf.SystemTests.Fixtures;

/// <summary>An engine of its own with a storage driver, its data root on a file system which that can use.</summary>
public sealed class DriverEngine : IAsyncDisposable
{
    private readonly BtrfsDisk? _disk;
    private readonly string _driver;

    private DriverEngine(string driver, BtrfsDisk? disk)
    {
        (_driver, _disk) = (driver, disk);
        Engine = disk is null ? new EngineFixture() : new EngineFixture { DataRoot = Path.Combine(disk.Path, "data") };
    }

    public EngineFixture Engine { get; }

    public static async Task<DriverEngine> StartAsync(string driver)
    {
        var disk = driver == "btrfs" ? new BtrfsDisk() : null;
        if (disk is not null) await disk.InitializeAsync();
        var started = new DriverEngine(driver, disk);
        try { await started.Engine.StartOwnAsync("--storage-driver", driver); }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
        return started;
    }

    /// <summary>Starts the daemon again with the same driver.</summary>
    public Task StartDaemonAsync() => Engine.StartDaemonAsync("--storage-driver", _driver);

    public async ValueTask DisposeAsync()
    {
        try { await Engine.DisposeAsync(); }
        finally { if (_disk is not null) await _disk.DisposeAsync(); }
    }
}
