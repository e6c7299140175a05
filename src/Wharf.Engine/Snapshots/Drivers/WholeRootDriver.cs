using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>
/// What the drivers without overlayfs have in common: a container's root is one tree that holds everything, and beside the uppermost layer of a stack lies, when it is
/// first asked for, one tree with all of that stack.
/// </summary>
internal abstract class WholeRootDriver(ObjectStore objects) : StorageDriver
{
    private readonly Lock _lock = new();

    protected ObjectStore Objects { get; } = objects;

    /// <summary>The name of such a tree beside a layer's own.</summary>
    protected abstract string WholeName { get; }

    protected string NewName => WholeName + ".new";

    public override bool HoldsWholeRoot => true;

    public override Specs.Runtime.Mount MountOf(string path, LayerStack stack) => new() { Type = "bind", Source = LayerStack.TreeIn(path), Destination = "/", Options = ["bind"] };

    public override Fd OpenRoot(string path, LayerStack stack) => Clone(path, 0);

    public override Fd OpenRootReadOnly(string path, LayerStack stack) => Clone(path, MountFlags.MOUNT_ATTR_RDONLY);

    private static Fd Clone(string path, ulong attributes)
    {
        var mount = MountTree.Clone(LayerStack.TreeIn(path), recursive: false);
        try
        {
            MountTree.SetAttributes(mount, attributes, 0);
            return mount;
        }
        catch
        {
            mount.Dispose();
            throw;
        }
    }

    public override IReadOnlyList<string> View(LayerStack stack) => stack.Directories.Count > 1 ? [WholeOf(stack)] : stack.Layers;

    /// <summary>All of a stack in one tree, made when first asked for and kept beside its uppermost layer.</summary>
    protected string WholeOf(LayerStack stack)
    {
        lock (_lock)
        {
            if (WholeIn(stack.Directories[0]) is { } there) return there;
            MakeWhole(stack);
            return WholeIn(stack.Directories[0])!;
        }
    }

    /// <summary>Makes what <see cref="WholeIn"/> tells of, by way of <see cref="BeginWhole"/> and <see cref="EndWholes"/>.</summary>
    protected abstract void MakeWhole(LayerStack stack);

    public override string? WholeIn(string path) => Directory.Exists($"{path}/{WholeName}") ? $"{path}/{WholeName}" : null;

    /// <summary>The layers of a stack, lowest first, that have no such tree yet, and the one below them, which has.</summary>
    protected List<string> Missing(LayerStack stack, out string? below)
    {
        int count = 1;
        while (count < stack.Directories.Count && WholeIn(stack.Directories[count]) is null) count++;
        below = stack.Directories.ElementAtOrDefault(count);
        return [.. stack.Directories.Take(count).Reverse()];
    }

    /// <summary>Applies a layer's own tree to one that has all below it.</summary>
    protected void Apply(string layer, string target)
    {
        using var tree = OpenAt.Open(target, O.RDONLY | O.DIRECTORY);
        using (var above = OpenAt.Open(layer, O.RDONLY | O.DIRECTORY)) new LayerClearing(CancellationToken.None).Run(above, tree);
        using var files = MergedDirectory.Open([layer]);
        new MergedCopy(tree, Objects, CancellationToken.None).Run(files);
    }

    /// <summary>Adds the names that every container has to a new root.</summary>
    protected void AddBase(string path, LayerStack stack, CancellationToken cancellation)
    {
        using var tree = OpenAt.Open(LayerStack.TreeIn(path), O.RDONLY | O.DIRECTORY);
        using var names = MergedDirectory.Open([stack.Base]);
        new MergedCopy(tree, Objects, cancellation) { OnlyAdds = true }.Run(names);
    }

    /// <summary>Where to make a stack's tree: a name that nothing has, in a directory that is open.</summary>
    protected (Fd Directory, byte[] Name) BeginWhole(string path)
    {
        RemoveHalfMade(path);
        return (OpenAt.Open(path, O.RDONLY | O.DIRECTORY), Encoding.ASCII.GetBytes(NewName));
    }

    /// <summary>From here on the trees begun beside these layers, lowest first, are whole: they are on the disk and get their names.</summary>
    protected void EndWholes(IReadOnlyList<string> paths)
    {
        DiskFlush.FileSystemOf(paths[0]);
        foreach (var path in paths) Rename(path, NewName, WholeName);
    }

    protected static void Rename(string path, string from, string to)
    {
        using var directory = OpenAt.Open(path, O.PATH | O.DIRECTORY);
        FileAt.Check(FileAt.Rename(directory.Value, Encoding.ASCII.GetBytes(from), directory.Value, Encoding.ASCII.GetBytes(to)), "renameat2", Encoding.ASCII.GetBytes(to));
    }

    public override void ForgetWhole(string path)
    {
        lock (_lock)
        {
            RemoveHalfMade(path);
            if (WholeIn(path) is null) return;
            // A kill while it is removed must not leave a part of it under its name.
            Rename(path, WholeName, NewName);
            RemoveHalfMade(path);
        }
    }

    public override void RemoveHalfMade(string path)
    {
        lock (_lock)
        {
            if (Directory.Exists($"{path}/{NewName}")) TreeRemoval.Remove($"{path}/{NewName}");
        }
    }
}
