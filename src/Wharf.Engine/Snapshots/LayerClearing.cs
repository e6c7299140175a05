using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Takes out of a tree what a layer over it hides: what it has whiteouts for, what it has something else in the place of, and all in directories that are
/// opaque in it. What is left are directories that the layer has too, and what it says nothing of.
/// </summary>
internal sealed class LayerClearing(CancellationToken cancellation)
{
    public void Run(Fd layer, Fd tree) => Clear(layer.Value, tree.Value, 0);

    private void Clear(int layer, int tree, int depth)
    {
        cancellation.ThrowIfCancellationRequested();
        if (depth > TreeSize.MaxDepth) throw new SyscallException("apply", Errno.ELOOP);
        foreach (var name in DirectoryEntries.Read(layer))
        {
            if (FileAt.Stat(tree, name, out var there) == -Errno.ENOENT) continue;
            FileAt.Check(FileAt.Stat(layer, name, out var stat), "statx", name);
            if (!stat.IsDirectory || !there.IsDirectory || OverlayMarks.IsOpaque(layer, name))
            {
                TreeRemoval.Remove(tree, name);
                continue;
            }
            using var above = Open(layer, name);
            using var below = Open(tree, name);
            Clear(above.Value, below.Value, depth + 1);
        }
    }

    private static Fd Open(int directory, byte[] name) => new(FileAt.Check(FileAt.Open(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "openat", name));
}
