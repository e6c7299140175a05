using System.Text;
using Wharf.Engine.Volumes;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>Layers stacked by overlayfs in the container's own mount namespace; a writable layer is its upper directory.</summary>
internal sealed class OverlayDriver(DirectoryQuotas quotas) : StorageDriver
{
    // What the distribution may have switched on by default: a renamed lower directory or a file's metadata alone in the upper
    // directory would make commit and diff miss contents, and an index ties the directories to one machine's file handles.
    // With marks in user attributes the kernel has neither of the first two, and takes no word about them.
    private static readonly string[] Flags = ["index=off", .. OverlayXattr.MountOptions is { Count: > 0 } marks ? marks : ["redirect_dir=off", "metacopy=off"]];

    public override string Name => "overlay2";
    public override bool HoldsWholeRoot => false;
    public override bool LimitsSizes => quotas.IsOn;
    public override bool Made(string path) => Directory.Exists(path + "/work");
    public override IReadOnlyList<string> View(LayerStack stack) => stack.Layers;

    /// <summary>Overlayfs's work directory and the upper one, with the root's owner and mode as the layers have it: overlayfs shows the upper one's.</summary>
    public override Task MakeWritableAsync(Fd directory, string path, LayerStack stack, long? size, CancellationToken cancellation)
    {
        // Before there is anything in it: what is made later inherits the mark.
        if (size is { } bytes) quotas.Set(path, bytes, "the writable layer");
        SnapshotService.MakeDirectory(directory, "work"u8, 0x1c0).Dispose();
        FileAt.Check(FileAt.MakeDirectory(directory.Value, "fs"u8, 0x1ed), "mkdirat", "fs"u8);
        uint mode = 0x1ed, uid = 0, gid = 0;
        if (stack.Layers is [var top, ..])
        {
            FileAt.Check(FileAt.Stat(OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(top), out var like), "statx", "fs"u8);
            (mode, uid, gid) = (like.Permissions, like.Uid, like.Gid);
        }
        FileAt.Check(FileAt.Stat(directory.Value, "fs"u8, out var made), "statx", "fs"u8);
        if (made.Uid != uid || made.Gid != gid) FileAt.Check(FileAt.ChangeOwner(directory.Value, "fs"u8, uid, gid), "fchownat", "fs"u8);
        if (made.Permissions != mode) FileAt.Check(FileAt.ChangeMode(directory.Value, "fs"u8, mode), "fchmodat", "fs"u8);
        return Task.CompletedTask;
    }

    /// <summary>One overlay, layers uppermost first.</summary>
    public override Specs.Runtime.Mount MountOf(string path, LayerStack stack) => new()
    {
        Type = "overlay", Source = "overlay", Destination = "/",
        Options = [.. Flags, "lowerdir=" + string.Join(':', stack.Trees), "upperdir=" + LayerStack.TreeIn(path), $"workdir={path}/work"],
    };

    public override Fd OpenRoot(string path, LayerStack stack) => OverlayMount.Create(MountOf(path, stack).Options!, 0);

    /// <summary>The writable layer is the uppermost of the lower ones, so that only the container's own mount ever writes to it.</summary>
    public override Fd OpenRootReadOnly(string path, LayerStack stack) => OpenReadOnly(stack.Trees.Prepend(LayerStack.TreeIn(path)));

    public override Dictionary<string, string> GraphPaths(IReadOnlyList<string> directories)
    {
        var paths = new Dictionary<string, string>();
        if (directories.Count == 0) return paths;
        if (directories.Count > 1) paths["LowerDir"] = string.Join(':', directories.Skip(1).Select(LayerStack.TreeIn));
        (paths["MergedDir"], paths["UpperDir"], paths["WorkDir"]) = (directories[0] + "/merged", LayerStack.TreeIn(directories[0]), directories[0] + "/work");
        return paths;
    }

    /// <summary>Trees, uppermost first, as one read-only file system.</summary>
    public static Fd OpenReadOnly(IEnumerable<string> trees, ulong attributes = 0, string source = "overlay") =>
        OverlayMount.Create([.. Flags, "lowerdir=" + string.Join(':', trees)], attributes | MountFlags.MOUNT_ATTR_RDONLY, source: source);
}
