using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Snapshots;

/// <summary>Compares a container's tree, which is open, with what lies below it. A whole tree holds all that the container shows, another one what differs and overlayfs's marks.</summary>
internal sealed class WritableComparison(Fd tree, MergedDirectory below, bool whole)
{
    public const long Modified = 0, Added = 1, Deleted = 2;

    private readonly List<FilesystemChange> _changes = [];
    private readonly FileStat _root = FileStat.Of(tree);

    /// <summary>The root of the tree that a whole one began as a snapshot of, where that is the uppermost of those below.</summary>
    public FileStat? Origin { get; init; }

    /// <summary>All changes, sorted by path.</summary>
    public List<FilesystemChange> Run()
    {
        CompareNames(tree, below, "/", opaque: whole, 0);
        _changes.Sort(static (a, b) => string.CompareOrdinal(a.Path, b.Path));
        return _changes;
    }

    /// <summary>
    /// Compares a directory with what is shown in its place below (null: nothing). In an opaque one what is below and not here is gone.
    /// </summary>
    private void CompareNames(Fd upper, MergedDirectory? lower, string prefix, bool opaque, int depth)
    {
        if (depth > TreeSize.MaxDepth) return;
        var names = OverlayMarks.NamesIn(upper).ToList();
        foreach (var name in names) CompareName(upper, lower, name, prefix + Encoding.UTF8.GetString(name), depth);
        if (!opaque || lower is null) return;
        foreach (var name in lower.NamesBesides(names)) Add(prefix + Encoding.UTF8.GetString(name), Deleted);
    }

    private void CompareName(Fd upper, MergedDirectory? lower, byte[] name, string path, int depth)
    {
        // A running container may remove it meanwhile.
        if (FileAt.Stat(upper.Value, name, out var now) == -Errno.ENOENT) return;
        var before = default(FileStat);
        int beforeDirectory = -1;
        bool existed = lower is not null && lower.TryStat(name, out before, out beforeDirectory);
        if (now.IsWhiteout && !whole)
        {
            if (existed) Add(path, Deleted);
            return;
        }
        bool untouched = existed && IsUntouched(now, before);
        int start = _changes.Count;
        if (now.IsDirectory) CompareDirectory(upper, existed && before.IsDirectory ? lower : null, name, path, untouched, depth);
        // The parents of what changed are shown as changed themselves.
        if (!existed) Add(path, Added);
        else if (_changes.Count > start || Differs(now, before, untouched, upper.Value, beforeDirectory, name)) Add(path, Modified);
    }

    private void CompareDirectory(Fd upper, MergedDirectory? lower, byte[] name, string path, bool untouched, int depth)
    {
        int fd = FileAt.Open(upper.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
        if (fd < 0) return;
        using var child = new Fd(fd);
        using var under = lower?.Enter(name);
        // In one that was not touched no name is gone.
        CompareNames(child, under, path + "/", !untouched && (whole || OverlayMarks.IsOpaque(upper.Value, name)), depth + 1);
    }

    /// <summary>
    /// Whether a file is the very one of the tree that this began as a snapshot of: a snapshot's inodes have the numbers of the other's, and whatever is done to one
    /// of them changes its time. The container may have put another subvolume in a directory's place, where the same numbers are other files.
    /// </summary>
    private bool IsUntouched(in FileStat now, in FileStat before) =>
        Origin is { } origin && now.Inode == before.Inode && now.SameDevice(_root) && before.SameDevice(origin)
        && now.ChangedSeconds == before.ChangedSeconds && now.ChangedNanoseconds == before.ChangedNanoseconds;

    /// <summary>
    /// Copying a file up for writing changes neither content nor these; any change of content changes the time. A directory's
    /// size and time follow from what it holds, which is compared by itself.
    /// </summary>
    private static bool Differs(in FileStat now, in FileStat before, bool untouched, int nowDirectory, int beforeDirectory, byte[] name)
    {
        if (!NameComparison.SameInode(now, before)) return true;
        if (!now.IsDirectory && (now.Size != before.Size || !NameComparison.SameTime(now, before))) return true;
        return now.IsRegular && !untouched && !Xattr.Get(nowDirectory, name, "security.capability"u8).AsSpan().SequenceEqual(Xattr.Get(beforeDirectory, name, "security.capability"u8));
    }

    private void Add(string path, long kind) => _changes.Add(new FilesystemChange { Path = path, Kind = kind });
}
