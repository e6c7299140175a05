using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>Layers stacked in the container's own mount namespace by a file system that is made for it; a writable layer is its upper directory.</summary>
internal abstract class UnionDriver : StorageDriver
{
    /// <summary>The name of the file system's own directory beside the upper one, which also tells whose container it is.</summary>
    protected abstract string WorkName { get; }

    public override bool HoldsWholeRoot => false;
    public override bool Made(string path) => Directory.Exists($"{path}/{WorkName}");
    public override IReadOnlyList<string> View(LayerStack stack) => stack.Layers;

    /// <summary>The work directory and the upper one, with the root's owner and mode as the layers have it: the upper one's are shown.</summary>
    public override Task MakeWritableAsync(Fd directory, string path, LayerStack stack, long? size, CancellationToken cancellation)
    {
        SnapshotService.MakeDirectory(directory, Encoding.ASCII.GetBytes(WorkName), 0x1c0).Dispose();
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

    /// <summary>What a container's writable layer is laid over, and by what.</summary>
    protected virtual (UnionFileSystem Union, IReadOnlyList<string> Trees) Below(LayerStack stack) => (Union, stack.Trees);

    public override Specs.Runtime.Mount MountOf(string path, LayerStack stack)
    {
        var (union, trees) = Below(stack);
        return union.MountOf("/", trees, (LayerStack.TreeIn(path), $"{path}/{WorkName}"));
    }

    public override Fd OpenRoot(string path, LayerStack stack) => UnionFileSystem.Open(MountOf(path, stack));

    /// <summary>The writable layer is the uppermost of the lower ones, so that only the container's own mount ever writes to it.</summary>
    public override Fd OpenRootReadOnly(string path, LayerStack stack)
    {
        var (union, trees) = Below(stack);
        return union.OpenReadOnly(trees.Prepend(LayerStack.TreeIn(path)));
    }

    public override Dictionary<string, string> GraphPaths(IReadOnlyList<string> directories)
    {
        var paths = new Dictionary<string, string>();
        if (directories.Count == 0) return paths;
        if (directories.Count > 1) paths["LowerDir"] = string.Join(':', directories.Skip(1).Select(LayerStack.TreeIn));
        (paths["MergedDir"], paths["UpperDir"], paths["WorkDir"]) = (directories[0] + "/merged", LayerStack.TreeIn(directories[0]), $"{directories[0]}/{WorkName}");
        return paths;
    }

    /// <summary>Mounts it once as a container's root would be: whether the kernel, the file system below and who we are allow that, nothing else tells.</summary>
    public override void Require(string path)
    {
        var place = path + "/probe";
        try
        {
            if (Directory.Exists(place)) TreeRemoval.Remove(place);
            foreach (var name in (ReadOnlySpan<string>)["lower", "fs", WorkName]) Directory.CreateDirectory($"{place}/{name}");
            using var lower = OpenAt.Open(place + "/lower", O.PATH | O.DIRECTORY);
            FileAt.Check(FileAt.MakeNode(lower.Value, "whiteout"u8, FileStat.S_IFCHR, 0, 0), "mknodat", "whiteout"u8);
            UnionFileSystem.Open(Union.MountOf("/", [place + "/lower"], (place + "/fs", $"{place}/{WorkName}"))).Dispose();
        }
        catch (IOException error) { throw WharfException.Invalid($"storage-driver \"{Name}\" cannot be used for {path}: {Why(error)}", error); }
        finally { if (Directory.Exists(place)) TreeRemoval.Remove(place); }
    }

    /// <summary>What is missing.</summary>
    protected virtual string Why(IOException error) => error.Message;
}
