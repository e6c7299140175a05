using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>
/// Datasets of ZFS (<c>storage-driver: zfs</c>): beside each layer's tree is, when a container first needs it, a dataset that is a clone of the one of the layer below with the layer applied to it, and
/// a snapshot of that. A container's root is a clone of the uppermost one. Datasets are mounted in the daemon's namespace when they are first needed.
/// </summary>
internal sealed class ZfsDriver(string snapshots, ObjectStore objects) : WholeRootDriver(objects)
{
    private const string Root = "root", Whole = "whole";

    private readonly OwnedDatasets _datasets = new(snapshots);
    private readonly Lock _lock = new();

    public override string Name => "zfs";
    public override bool LimitsSizes => true;
    protected override string WholeName => "zfs";

    public override void Require(string path)
    {
        if (UserNamespace.IsInner) throw WharfException.Invalid($"storage-driver \"{Name}\" needs root's rights: a rootless daemon uses overlay2 or vfs");
        using (var directory = OpenAt.Open(path, O.RDONLY | O.DIRECTORY))
            if (!FileSystemType.IsZfs(directory)) throw WharfException.Invalid($"storage-driver \"{Name}\" needs a data root on ZFS, and {path} lies on another file system: choose overlay2 or vfs");
        try { _datasets.Collect(); }
        catch (IOException error) { throw WharfException.Invalid($"storage-driver \"{Name}\" cannot be used: {error.Message}", error); }
    }

    public override bool Made(string path) => File.Exists(OwnedDatasets.FileOf(path, Root));

    public override Task MakeWritableAsync(Fd directory, string path, LayerStack stack, long? size, CancellationToken cancellation) => Task.Run(() =>
    {
        string? origin = null;
        if (stack.Directories is [var top, ..])
        {
            WholeOf(stack);
            origin = DatasetOf(top, Whole);
        }
        using var made = _datasets.Make(origin, path, Root, size);
        SnapshotService.MakeDirectory(directory, "fs"u8, 0x1ed).Dispose();
        File.WriteAllLines(OwnedDatasets.FileOf(path, Root), [made.Name, origin ?? ""]);
        Show(path);
        AddBase(path, stack, cancellation);
    }, cancellation);

    public override string? OriginOf(string path, LayerStack stack) =>
        stack.Directories is [var top, ..] && File.ReadAllLines(OwnedDatasets.FileOf(path, Root)) is [_, { Length: > 0 } origin] && origin == DatasetOf(top, Whole) ? WholeIn(top) : null;

    public override string? WholeIn(string path)
    {
        if (base.WholeIn(path) is not { } place || DatasetOf(path, Whole) is not { } name) return null;
        Mount(name, place);
        return place;
    }

    protected override void MakeWhole(LayerStack stack)
    {
        var missing = Missing(stack, out var standsOn);
        var below = standsOn is null ? null : DatasetOf(standsOn, Whole);
        foreach (var path in missing)
        {
            RemoveHalfMade(path);
            using var made = _datasets.Make(below, path, Whole, null);
            var place = $"{path}/{NewName}";
            Directory.CreateDirectory(place);
            Mount(made.Name, place);
            Apply(LayerStack.TreeIn(path), place);
            Unmount(place);
            _datasets.Finish(made.Name);
            File.WriteAllText(OwnedDatasets.FileOf(path, Whole), made.Name);
            Rename(path, NewName, WholeName);
            below = made.Name;
        }
    }

    public override void ForgetWhole(string path)
    {
        RemoveHalfMade(path);
        if (DatasetOf(path, Whole) is null) return;
        Disown(path, Whole, WholeName);
        _datasets.Collect();
    }

    /// <summary>The dataset itself belongs to nobody and is collected at the next start.</summary>
    public override void RemoveHalfMade(string path)
    {
        Unmount($"{path}/{NewName}");
        if (Directory.Exists($"{path}/{NewName}")) Directory.Delete($"{path}/{NewName}");
    }

    public override void Show(string path)
    {
        if (DatasetOf(path, Root) is { } name) Mount(name, LayerStack.TreeIn(path));
    }

    public override void Hide(string path)
    {
        if (DatasetOf(path, Root) is not null) Unmount(LayerStack.TreeIn(path));
        if (DatasetOf(path, Whole) is not null) Unmount($"{path}/{WholeName}");
    }

    public override void Release(string path)
    {
        bool owns = DatasetOf(path, Root) is not null | DatasetOf(path, Whole) is not null;
        RemoveHalfMade(path);
        Disown(path, Root, "fs");
        Disown(path, Whole, WholeName);
        if (owns) _datasets.Collect();
    }

    private static string? DatasetOf(string path, string role) => OwnedDatasets.FileOf(path, role) is var file && File.Exists(file) ? File.ReadLines(file).FirstOrDefault() : null;

    private static void Disown(string path, string role, string place)
    {
        var file = OwnedDatasets.FileOf(path, role);
        if (!File.Exists(file)) return;
        Unmount($"{path}/{place}");
        File.Delete(file);
        if (Directory.Exists($"{path}/{place}")) Directory.Delete($"{path}/{place}");
    }

    private void Mount(string name, string place)
    {
        lock (_lock)
        {
            if (!IsMounted(place)) _datasets.Mount(name, place);
        }
    }

    private static bool IsMounted(string place)
    {
        using var directory = OpenAt.Open(place, O.PATH | O.DIRECTORY);
        using var above = OpenAt.Open(Path.GetDirectoryName(place)!, O.PATH | O.DIRECTORY);
        return FileStat.Of(directory).MountId != FileStat.Of(above).MountId;
    }

    /// <summary>What still reads there goes on; for others it is gone.</summary>
    private static void Unmount(string place)
    {
        if (Directory.Exists(place) && IsMounted(place)) SyscallException.Check(Libc.umount2(place, MountFlags.MNT_DETACH | MountFlags.UMOUNT_NOFOLLOW), "umount2", place);
    }
}
