using System.Text;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>
/// Subvolumes of btrfs (<c>storage-driver: btrfs</c>): beside each layer's tree lies, when a container first needs it, a snapshot of the one of the layer below, with the
/// layer applied to it. A container's root is a snapshot of the uppermost one. All share their data with the layers' trees, so that nothing is on the disk twice.
/// </summary>
internal sealed class BtrfsDriver(ObjectStore objects) : WholeRootDriver(objects)
{
    public override string Name => "btrfs";
    public override bool LimitsSizes => false;
    protected override string WholeName => "subvolume";

    public override void Require(string path)
    {
        using var directory = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
        if (!FileSystemType.IsBtrfs(directory)) throw WharfException.Invalid($"storage-driver \"{Name}\" needs a data root on btrfs, and {path} lies on another file system: choose overlay2 or vfs");
    }

    public override bool Made(string path)
    {
        using var directory = OpenAt.Open(path, O.PATH | O.DIRECTORY);
        return Subvolume.IsOne(directory.Value, "fs"u8);
    }

    public override Task MakeWritableAsync(Fd directory, string path, LayerStack stack, long? size, CancellationToken cancellation) => Task.Run(() =>
    {
        using var place = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
        Make(place, "fs"u8, stack.Directories.Count == 0 ? null : WholeOf(stack));
        AddBase(path, stack, cancellation);
    }, cancellation);

    /// <summary>By the number that the file system gives each of its subvolumes: one that was made anew since is another, and so are its inodes.</summary>
    public override string? OriginOf(string path, LayerStack stack)
    {
        if (stack.Directories.Count == 0 || WholeIn(stack.Directories[0]) is not { } whole) return null;
        using var root = OpenAt.Open(LayerStack.TreeIn(path), O.RDONLY | O.DIRECTORY);
        using var source = OpenAt.Open(whole, O.RDONLY | O.DIRECTORY);
        return Subvolume.IsSnapshotOf(root, source) ? whole : null;
    }

    /// <summary>An empty subvolume, or a snapshot of one.</summary>
    private static void Make(Fd directory, ReadOnlySpan<byte> name, string? like)
    {
        if (like is null)
        {
            Subvolume.Create(directory, name);
            FileAt.Check(FileAt.ChangeMode(directory.Value, name, 0x1ed), "fchmodat", name);
            return;
        }
        using var source = OpenAt.Open(like, O.RDONLY | O.DIRECTORY);
        Subvolume.Snapshot(source, directory, name);
    }

    protected override void MakeWhole(LayerStack stack)
    {
        var made = Missing(stack, out var standsOn);
        var below = standsOn is null ? null : WholeIn(standsOn);
        // What data is not on the disk yet, sharing would write one file after the other.
        DiskFlush.FileSystemOf(made[0]);
        foreach (var path in made)
        {
            var (directory, name) = BeginWhole(path);
            using (directory)
            {
                Make(directory, name, below);
                below = $"{path}/{Encoding.ASCII.GetString(name)}";
                Apply(LayerStack.TreeIn(path), below);
            }
        }
        EndWholes(made);
    }
}
