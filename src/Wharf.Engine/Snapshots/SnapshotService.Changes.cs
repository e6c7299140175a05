using Wharf.Linux.Fds;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    private const long Deleted = WritableComparison.Deleted;

    /// <summary>What the writable layer changed: kinds 0 modified, 1 added, 2 deleted; sorted by path.</summary>
    public List<FilesystemChange> Changes(string key)
    {
        var writable = Find(key);
        var (path, stack) = (NumberPath(writable.Number), Stack(writable.Parent));
        using var upper = OpenAt.Open(TreePath(writable), O.RDONLY | O.DIRECTORY);
        if (writable.Driver.OriginOf(path, stack) is { } origin)
        {
            using var beginning = MergedDirectory.Open([origin, stack.Base]);
            using var root = OpenAt.Open(origin, O.PATH | O.DIRECTORY);
            var changes = new WritableComparison(upper, beginning, whole: true) { Origin = FileStat.Of(root) }.Run();
            // A repair may have taken it away meanwhile, and then not all of it was seen.
            if (writable.Driver.OriginOf(path, stack) == origin) return changes;
        }
        using var lower = MergedDirectory.Open(stack.Trees);
        return new WritableComparison(upper, lower, writable.Driver.HoldsWholeRoot).Run();
    }
}
