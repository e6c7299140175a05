using Xunit;

namespace Wharf.SystemTests.Fixtures;

/// <summary>A btrfs file system of its own in a file, mounted for as long as it is needed.</summary>
public sealed class BtrfsDisk : IDisk
{
    private readonly string _file = System.IO.Path.GetTempFileName();
    private bool _isMounted;

    /// <summary>Where it is mounted.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("wharf-btrfs-").FullName;

    public async ValueTask InitializeAsync()
    {
        // mount(8) loads the module, where there is one.
        await using (var file = File.OpenWrite(_file)) file.SetLength(4L << 30);
        (await CommandResult.RunAsync("mkfs.btrfs", ["-q", _file])).ShouldExit(0);
        var mount = await CommandResult.RunAsync("mount", ["-t", "btrfs", "-o", "loop", _file, Path]);
        if (mount.ExitCode != 0 && !(await File.ReadAllTextAsync("/proc/filesystems")).Contains("\tbtrfs\n", StringComparison.Ordinal)) Assert.Skip("this kernel has no btrfs: " + mount.Error);
        mount.ShouldExit(0);
        _isMounted = true;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isMounted) (await CommandResult.RunAsync("umount", [Path])).ShouldExit(0);
        Directory.Delete(Path);
        File.Delete(_file);
    }
}
