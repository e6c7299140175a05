using Xunit;

namespace Wharf.SystemTests.Fixtures;

/// <summary>A pool of ZFS of its own in a file, for as long as it is needed. Debian's kernel gets the module by zfs-dkms; <c>./dev vm zfs</c> has it.</summary>
public sealed class ZfsDisk : IDisk
{
    private string? _file, _path;

    /// <summary>Where it is mounted. The test is skipped where there is no ZFS.</summary>
    public string Path
    {
        get
        {
            if (_path is null) Assert.Skip("this kernel has no zfs, or the machine no zpool");
            return _path!;
        }
    }

    /// <summary>The pool, which is a dataset too.</summary>
    public string Pool { get; } = "wharf" + Guid.NewGuid().ToString("n")[..8];

    public async ValueTask InitializeAsync()
    {
        if (!File.Exists("/dev/zfs") || !File.Exists("/usr/sbin/zpool")) return;
        _file = System.IO.Path.GetTempFileName();
        await using (var file = File.OpenWrite(_file)) file.SetLength(2L << 30);
        var path = Directory.CreateTempSubdirectory("wharf-zfs-").FullName;
        (await CommandResult.RunAsync("zpool", ["create", "-m", path, Pool, _file])).ShouldExit(0);
        _path = path;
    }

    /// <summary>The datasets in the pool.</summary>
    public async Task<List<string>> DatasetsAsync() => [.. (await CommandResult.RunAsync("zfs", ["list", "-H", "-o", "name", "-r", Pool])).ShouldExit(0).Text.Split('\n').Skip(1)];

    public async ValueTask DisposeAsync()
    {
        if (_path is not null)
        {
            (await CommandResult.RunAsync("zpool", ["destroy", Pool])).ShouldExit(0);
            Directory.Delete(_path);
        }
        if (_file is not null) File.Delete(_file);
    }
}
