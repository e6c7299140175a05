namespace Wharf.SystemTests.Fixtures;

/// <summary>An engine of its own with a storage driver, its data root on a file system which that can use.</summary>
public sealed class DriverEngine : IAsyncDisposable
{
    private readonly IDisk? _disk;
    private readonly string _driver;

    private DriverEngine(string driver, IDisk? disk)
    {
        (_driver, _disk) = (driver, disk);
        Engine = disk is null ? new EngineFixture() : new EngineFixture { DataRoot = Path.Combine(disk.Path, "data") };
    }

    public EngineFixture Engine { get; }

    /// <summary>The file system of the data root, where it needs one of its own.</summary>
    public IDisk? Disk => _disk;

    public static async Task<DriverEngine> StartAsync(string driver)
    {
        IDisk? disk = driver switch { "btrfs" => new BtrfsDisk(), "zfs" => new ZfsDisk(), _ => null };
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
