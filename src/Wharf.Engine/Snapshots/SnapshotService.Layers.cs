using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Snapshots.Drivers;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>Stacks of layers as file systems to read, without a container: what a build copies from.</summary>
public sealed partial class SnapshotService
{
    /// <summary>The stack's file system, read-only and mounted nowhere; without the names every container has for mounts. Null is an empty one.</summary>
    public Fd OpenLayers(Digest? top)
    {
        var paths = LayerPaths(top);
        return paths is [var only] && !_objects.Serves(only) ? OpenAt.Open(only, O.PATH | O.DIRECTORY) : UnionOf(paths).OpenReadOnly(paths);
    }

    /// <summary>Directories (uppermost first) as one, to read and for nothing else, named <paramref name="source"/> in lists of mounts; null for an empty stack.</summary>
    internal Fd? OpenView(IReadOnlyList<string> paths, string source)
    {
        var empty = LayerPaths(null)[0];
        if (paths is [var only])
        {
            if (only == empty) return null;
            paths = [only, empty]; // overlayfs wants two where there is no upper one
        }
        return UnionOf(paths).OpenReadOnly(paths, MountFlags.MOUNT_ATTR_NOSUID | MountFlags.MOUNT_ATTR_NODEV, source);
    }

    /// <summary>
    /// What the runtime mounts to show directories of <see cref="LayerPaths(Digest?, string)"/>, or others, over each other. One that holds all that it shows is bound, where nothing
    /// is to be written.
    /// </summary>
    public Specs.Runtime.Mount MountOver(string destination, IReadOnlyList<string> lowers, (string Upper, string Work)? writable = null) =>
        lowers is [var only] && writable is null && !_objects.Serves(only) ? DefaultMounts.Bind(destination, only, "ro") : UnionOf(lowers).MountOf(destination, lowers, writable);

    private UnionFileSystem UnionOf(IReadOnlyList<string> trees) => _objects.UnionOver(trees, _driver.Union);

    /// <summary>Whether files in a directory of a layer have their contents elsewhere, so that a mount of such a file shows nothing.</summary>
    public bool KeepsContentsElsewhere(string directory) => _objects.Serves(directory);

    /// <summary>The stack's trees, uppermost first; of an empty stack one empty directory, and without overlayfs one with all in it.</summary>
    public IReadOnlyList<string> LayerPaths(Digest? top)
    {
        if (top is null)
        {
            var empty = _path + "/base/empty";
            Directory.CreateDirectory(empty);
            return [empty];
        }
        return _driver.View(Stack(top));
    }

    /// <summary>What each layer has of a directory, uppermost first, as far down as it is merged; empty when it is not there or no directory.</summary>
    public IReadOnlyList<string> LayerPaths(Digest? top, string directory)
    {
        var parts = directory.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Encoding.UTF8.GetBytes).ToList();
        var found = new List<string>();
        foreach (var path in LayerPaths(top))
        {
            using var layer = OpenAt.Open(path, O.PATH | O.DIRECTORY);
            var at = new Fd(FileAt.Check(FileAt.Open(layer.Value, "."u8, O.PATH | O.DIRECTORY), "open", "."u8));
            bool ends = false, whole = true;
            foreach (var part in parts)
            {
                using var parent = at;
                int fd = FileAt.Open(parent.Value, part, O.PATH | O.DIRECTORY | O.NOFOLLOW);
                bool there = FileAt.Stat(parent.Value, part, out _) == 0;
                // What is no directory here, or opaque, hides all below.
                ends |= there && (fd < 0 || OverlayMarks.IsOpaque(parent.Value, part));
                if (fd < 0)
                {
                    whole = false;
                    break;
                }
                at = new Fd(fd);
            }
            if (whole)
            {
                at.Dispose();
                found.Add(parts.Count == 0 ? path : $"{path}/{directory.Trim('/')}");
            }
            if (ends) break;
        }
        return found;
    }

    /// <summary>The stack's layers, lowest first.</summary>
    public List<Digest> DiffIds(Digest? top)
    {
        var found = new List<Digest>();
        for (var at = top; at is { } chain;)
        {
            var snapshot = Find(chain);
            found.Insert(0, snapshot.DiffId);
            at = snapshot.Parent;
        }
        return found;
    }

    /// <summary>Names of writable layers that begin so: what a killed daemon left of its builds.</summary>
    public IReadOnlyList<string> WritableKeys(string prefix) => [.. _writables.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal))];

    /// <summary>Removes from a writable layer, which nothing has mounted, an empty file or directory made only to mount on, and its parents that hold nothing else.</summary>
    public void RemoveMountPoint(string key, string path)
    {
        using var upper = OpenAt.Open(TreePath(Find(key)), O.RDONLY | O.DIRECTORY);
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        using var below = OpenLayers(Find(key).Parent);
        for (int count = parts.Length; count > 0; count--)
        {
            var name = Encoding.UTF8.GetBytes(parts[count - 1]);
            var inside = string.Join('/', parts[..count]);
            int known = FileAt.OpenInRoot(below.Value, Encoding.UTF8.GetBytes(inside), O.PATH | O.NOFOLLOW);
            if (known >= 0)
            {
                new Fd(known).Dispose();
                return;
            }
            int parent = FileAt.OpenBeneath(upper.Value, Encoding.UTF8.GetBytes(count == 1 ? "." : string.Join('/', parts[..(count - 1)])), O.PATH | O.DIRECTORY, Resolve.NoSymlinks);
            if (parent < 0) return;
            using var directory = new Fd(parent);
            if (FileAt.Stat(directory.Value, name, out var stat) < 0) continue;
            if (!stat.IsDirectory && (!stat.IsRegular || stat.Size > 0)) return;
            if (stat.IsDirectory ? !RemoveEmpty(directory, name) : FileAt.Unlink(directory.Value, name, isDirectory: false) < 0) return;
        }
    }

    /// <summary>False when the directory holds more than marks.</summary>
    private static bool RemoveEmpty(Fd parent, byte[] name)
    {
        using (var directory = new Fd(FileAt.Check(FileAt.Open(parent.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "openat", name)))
            if (OverlayMarks.NamesIn(directory).Any()) return false;
        TreeRemoval.Remove(parent.Value, name);
        return true;
    }
}
