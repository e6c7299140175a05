using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    private const long Modified = 0, Added = 1, Deleted = 2;

    /// <summary>What the writable layer changed: kinds 0 modified, 1 added, 2 deleted; sorted by path.</summary>
    public List<FilesystemChange> Changes(string key)
    {
        var writable = Find(key);
        using var upper = OpenAt.Open(TreePath(writable.Number), O.RDONLY | O.DIRECTORY);
        using var lower = MergedDirectory.Open(Stack(writable.Parent).Trees);
        var changes = new List<FilesystemChange>();
        bool plain = writable.Driver.HoldsWholeRoot;
        Compare(upper, lower, "/", opaque: plain, plain, changes, 0);
        changes.Sort(static (a, b) => string.CompareOrdinal(a.Path, b.Path));
        return changes;
    }

    /// <summary>
    /// Compares a directory of the writable layer with what the layers below show in its place (null: nothing). In an opaque one, and everywhere in a whole root,
    /// what is below and not here is gone.
    /// </summary>
    private static void Compare(Fd upper, MergedDirectory? lower, string prefix, bool opaque, bool plain, List<FilesystemChange> changes, int depth)
    {
        if (depth > TreeSize.MaxDepth) return;
        var names = DirectoryEntries.Read(upper.Value);
        foreach (var name in names)
        {
            // A running container may remove it meanwhile.
            if (FileAt.Stat(upper.Value, name, out var now) == -Errno.ENOENT) continue;
            string path = prefix + Encoding.UTF8.GetString(name);
            var before = default(FileStat);
            int beforeDirectory = -1;
            bool existed = lower is not null && lower.TryStat(name, out before, out beforeDirectory);
            if (now.IsWhiteout && !plain)
            {
                if (existed) Add(changes, path, Deleted);
                continue;
            }
            if (!now.IsDirectory)
            {
                if (!existed) Add(changes, path, Added);
                else if (Differs(now, before, upper.Value, beforeDirectory, name)) Add(changes, path, Modified);
                continue;
            }
            int start = changes.Count;
            CompareDirectory(upper, lower, existed && before.IsDirectory, name, path, plain, changes, depth);
            // The parents of what changed are shown as changed themselves.
            if (!existed) Add(changes, path, Added);
            else if (changes.Count > start || Differs(now, before, upper.Value, beforeDirectory, name)) Add(changes, path, Modified);
        }
        if (!opaque || lower is null) return;
        var kept = names.Select(Encoding.UTF8.GetString).ToHashSet(StringComparer.Ordinal);
        foreach (var name in lower.Names().Select(Encoding.UTF8.GetString))
        {
            if (!kept.Contains(name)) Add(changes, prefix + name, Deleted);
        }
    }

    private static void CompareDirectory(Fd upper, MergedDirectory? lower, bool existed, byte[] name, string path, bool plain, List<FilesystemChange> changes, int depth)
    {
        int fd = FileAt.Open(upper.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
        if (fd < 0) return;
        using var child = new Fd(fd);
        using var below = existed ? lower!.Enter(name) : null;
        Compare(child, below, path + "/", plain || MergedDirectory.IsOpaque(upper.Value, name), plain, changes, depth + 1);
    }

    /// <summary>
    /// Copying a file up for writing changes neither content nor these; any change of content changes the time. A directory's
    /// size and time follow from what it holds, which is compared by itself.
    /// </summary>
    private static bool Differs(in FileStat now, in FileStat before, int nowDirectory, int beforeDirectory, byte[] name)
    {
        if (now.Mode != before.Mode || now.Uid != before.Uid || now.Gid != before.Gid || now.RdevMajor != before.RdevMajor || now.RdevMinor != before.RdevMinor) return true;
        if (!now.IsDirectory && (now.Size != before.Size || now.ModifiedSeconds != before.ModifiedSeconds || now.ModifiedNanoseconds != before.ModifiedNanoseconds)) return true;
        return now.IsRegular && !Xattr.Get(nowDirectory, name, "security.capability"u8).AsSpan().SequenceEqual(Xattr.Get(beforeDirectory, name, "security.capability"u8));
    }

    private static void Add(List<FilesystemChange> changes, string path, long kind) => changes.Add(new FilesystemChange { Path = path, Kind = kind });
}
