using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Wharf.Engine.Snapshots.Drivers;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Engine.State;
using Wharf.Engine.Volumes;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Layers unpacked once and shared (committed snapshots, named by chain ID), and the writable layer of each container
/// (named by its container ID). Nothing of a container is ever mounted where the host can see it.
/// </summary>
/// <remarks>
/// On disk: <c>snapshots/N/fs</c> is a layer's tree or what its <see cref="StorageDriver"/> makes a container's writable layer of, <c>N/tar</c> the
/// <see cref="Archive.LayerJournal"/> and <c>N/kept</c> what it needs beside the tree; <c>snapshots/base/fs</c> lies under every stack. The database alone says what exists: a directory without a row is left over and removed, in the background or at start.
/// </remarks>
public sealed partial class SnapshotService : IAsyncDisposable
{
    private readonly DaemonOptions _options;
    private readonly StateStore _state;
    private readonly ILogger _log;
    private readonly string _path;
    private readonly DirectoryQuotas _quotas;
    private readonly List<StorageDriver> _drivers;
    private readonly StorageDriver _driver;
    private readonly LayerImages _images;
    private readonly ObjectStore _objects;
    private readonly Fd _directory;
    private readonly ConcurrentDictionary<Digest, Snapshot> _snapshots = new();
    private readonly ConcurrentDictionary<string, Writable> _writables = new(StringComparer.Ordinal);
    private long _lastNumber;
    /// <summary>The last number that was given before this daemon.</summary>
    private readonly long _firstNumber;

    private sealed record Snapshot(long Number, Digest ChainId, Digest? Parent, Digest DiffId, long Size, bool IsImage);

    private sealed record Writable(long Number, Digest? Parent, StorageDriver Driver);

    public SnapshotService(DaemonOptions options, StateStore state, ILogger<SnapshotService> log)
    {
        (_options, _state, _log) = (options, state, log);
        _path = Path.Combine(options.DataRoot, "snapshots");
        Directory.CreateDirectory(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _directory = OpenAt.Open(_path, O.RDONLY | O.DIRECTORY);
        _quotas = new DirectoryQuotas(_path);
        _images = new LayerImages(_path);
        _objects = new ObjectStore(_path, options.Limits.MinObjectSize);
        // A container is the same under the first three, of which one is here.
        _drivers = [options.StorageDriver switch
        {
            "erofs" => new ErofsDriver(_quotas, _images, _objects),
            "composefs" => new ComposefsDriver(_quotas, _images, _objects),
            _ => new OverlayDriver(_quotas, _images, _objects),
        }, new FuseOverlayDriver(_objects), new BtrfsDriver(_objects), new ZfsDriver(_path, _objects), new CopyDriver(_quotas, _objects)];
        _driver = options.StorageDriver is { } name ? Named(name) : FirstUsable();
        _state.EnsureSchema("""
            create table if not exists snapshots (number integer primary key, chain text not null unique, parent text, diff text not null, size integer not null, boot text);
            create table if not exists writables (key text primary key, number integer not null unique, parent text) without rowid;
            """);
        MakeBase();
        Recover();
        _firstNumber = _lastNumber;
        _worker = Task.Run(WorkAsync);
    }

    /// <summary>The name of the driver that makes new containers' roots.</summary>
    public string DriverName => _driver.Name;

    private StorageDriver Named(string name)
    {
        var driver = _drivers.Find(driver => driver.Name == name) ?? throw WharfException.Invalid($"storage-driver \"{name}\" does not exist");
        driver.Require(_path);
        return driver;
    }

    /// <summary>The fastest that can be: the last one always can.</summary>
    private StorageDriver FirstUsable()
    {
        foreach (var driver in _drivers)
        {
            try
            {
                driver.Require(_path);
                if (driver != _drivers[0]) Log.DriverChosen(_log, driver.Name);
                return driver;
            }
            catch (WharfException error) { Log.DriverUnusable(_log, error.Message); }
        }
        throw new InvalidOperationException("no storage driver");
    }

    /// <summary>True when the stack of layers is unpacked here.</summary>
    public bool Exists(Digest chainId) => _snapshots.ContainsKey(chainId);

    /// <summary>Unpacked bytes of one committed layer (not of its parents).</summary>
    public long LayerSize(Digest chainId) => Find(chainId).Size;

    /// <summary>As <see cref="LayerSize"/>; 0 of a layer that was lost.</summary>
    public long SizeOrNone(Digest chainId) => _snapshots.TryGetValue(chainId, out var snapshot) ? snapshot.Size : 0;

    /// <summary>Where a stack lies on disk, under the names docker has for it with this driver (<c>GraphDriver.Data</c>); null where it has none.</summary>
    public Dictionary<string, string>? GraphPaths(Digest? top)
    {
        // What is lost leaves the rest.
        var directories = new List<string>();
        for (var at = top; at is { } chain && _snapshots.TryGetValue(chain, out var snapshot); at = snapshot.Parent) directories.Add(NumberPath(snapshot.Number));
        return _driver.GraphPaths(directories);
    }

    /// <summary>Bytes of all committed layers.</summary>
    public long TotalSize => _snapshots.Values.Sum(snapshot => snapshot.Size);

    /// <summary>Whether a container's writable layer stands on this layer, directly or through others.</summary>
    public bool IsUsedByContainer(Digest chainId) => _writables.Values.Any(writable => StandsOn(writable.Parent, chainId));

    /// <summary>Whether a stack has this layer in it.</summary>
    private bool StandsOn(Digest? top, Digest chainId)
    {
        for (var at = top; at is { } chain && _snapshots.TryGetValue(chain, out var snapshot); at = snapshot.Parent) if (chain == chainId) return true;
        return false;
    }

    private Snapshot Find(Digest chainId) =>
        _snapshots.TryGetValue(chainId, out var snapshot) ? snapshot : throw WharfException.NotFound($"layer {chainId} does not exist");

    private Writable Find(string key) =>
        _writables.TryGetValue(key, out var writable) ? writable : throw WharfException.NotFound($"no writable layer for container {key}");

    private string NumberPath(long number) => string.Create(CultureInfo.InvariantCulture, $"{_path}/{number}");

    private string TreePath(long number) => LayerStack.TreeIn(NumberPath(number));

    /// <summary>A writable layer's tree, which can be read from here on.</summary>
    private string TreePath(Writable writable)
    {
        writable.Driver.Show(NumberPath(writable.Number));
        return TreePath(writable.Number);
    }

    /// <summary>The directory of a layer, whose tree can be read from here on.</summary>
    private string ShownPath(Snapshot snapshot)
    {
        var path = NumberPath(snapshot.Number);
        if (snapshot.IsImage) _images.Show(path);
        return path;
    }

    /// <summary>The layers from one down; those that are not <paramref name="shown"/> are only to be named.</summary>
    private LayerStack Stack(Digest? top, bool shown = true)
    {
        var directories = new List<string>();
        bool hasImages = false;
        for (var at = top; at is { } chainId;)
        {
            var snapshot = Find(chainId);
            directories.Add(shown ? ShownPath(snapshot) : NumberPath(snapshot.Number));
            hasImages |= snapshot.IsImage;
            at = snapshot.Parent;
        }
        return new LayerStack(directories, BasePath, hasImages, shown);
    }

    /// <summary>A new numbered directory. It belongs to nobody until a row names it.</summary>
    private (long Number, Fd Directory) MakeNumbered()
    {
        long number = Interlocked.Increment(ref _lastNumber);
        var name = Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));
        FileAt.Check(FileAt.MakeDirectory(_directory.Value, name, 0x1c0), "mkdirat", name);
        return (number, new Fd(FileAt.Check(FileAt.Open(_directory.Value, name, O.PATH | O.DIRECTORY), "open", name)));
    }

    internal static Fd MakeDirectory(Fd parent, ReadOnlySpan<byte> name, uint mode)
    {
        FileAt.Check(FileAt.MakeDirectory(parent.Value, name, mode), "mkdirat", name);
        return new Fd(FileAt.Check(FileAt.Open(parent.Value, name, O.RDONLY | O.DIRECTORY), "open", name));
    }

    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        _background.Writer.TryComplete();
        await _worker.ConfigureAwait(false);
        foreach (long number in NumbersOnDisk())
        {
            // Of layers too that are to be removed at the next start.
            _images.Hide(NumberPath(number));
            foreach (var driver in _drivers) driver.Hide(NumberPath(number));
        }
        _directory.Dispose();
    }
}

/// <summary>A layer as applied. <see cref="Size"/> is the unpacked size in bytes.</summary>
public sealed record LayerInfo(Digest ChainId, Digest DiffId, long Size);
