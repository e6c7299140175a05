using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>Comparing two file systems, each a stack of layers or a container, without mounting either.</summary>
public sealed partial class SnapshotService
{
    /// <summary>The trees of a container, uppermost first, without the base that all containers have.</summary>
    public IReadOnlyList<string> ContainerPaths(string key)
    {
        var writable = Find(key);
        return writable.Driver.HoldsWholeRoot ? [TreePath(writable)] : [TreePath(writable), .. Stack(writable.Parent).Layers];
    }

    /// <summary>
    /// What is different in <paramref name="to"/> (trees, uppermost first): every path that was added, changed or deleted, in order. Metadata
    /// counts, times of directories do not. What both share is not looked into.
    /// </summary>
    public List<FileDifference> Differences(IReadOnlyList<string> from, IReadOnlyList<string> to, CancellationToken cancellation)
    {
        using var before = MergedDirectory.Open(from);
        using var after = MergedDirectory.Open(to);
        var differences = new List<FileDifference>();
        new TreeComparison(differences, _objects, cancellation).Compare(before, after, "/", 0);
        differences.Sort(static (a, b) => string.CompareOrdinal(a.Path, b.Path));
        return differences;
    }

    /// <summary>Makes one layer on <paramref name="below"/> of all that lies between it and <paramref name="top"/>. The caller holds layers.</summary>
    public Task<LayerInfo> MergeAsync(Digest? below, Digest? top, CancellationToken cancellation) =>
        Piped.RunAsync(output => WriteDifferenceTarAsync(below, top, output, cancellation), tar => ApplyAsync(below, null, tar, cancellation));

    private async Task WriteDifferenceTarAsync(Digest? from, Digest? to, Stream output, CancellationToken cancellation)
    {
        using var root = OpenLayers(to);
        var tar = new TarWriter(output);
        var writer = new TreeWriter(tar, new TreeWriterOptions { MaxNameLength = _options.Limits.MaxTarNameLength });
        // With nothing below, the root's own mode, owner and attributes are of this layer too.
        if (from is null) await writer.WriteAloneAsync(root, "."u8.ToArray(), "."u8.ToArray(), cancellation).ConfigureAwait(false);
        foreach (var difference in Differences(LayerPaths(from), LayerPaths(to), cancellation))
        {
            var path = Encoding.UTF8.GetBytes(difference.Path.TrimStart('/'));
            int slash = path.AsSpan().LastIndexOf((byte)'/');
            int fd = FileAt.OpenBeneath(root.Value, slash < 0 ? "."u8 : path.AsSpan(0, slash), O.RDONLY | O.DIRECTORY, Resolve.NoSymlinks);
            // What was in a directory that is gone, or is something else now, needs no mark of its own.
            if (fd is -Errno.ENOENT or -Errno.ENOTDIR or -Errno.ELOOP) continue;
            using var parent = new Fd(FileAt.Check(fd, "openat2", path));
            if (difference.Kind == Deleted) await writer.WriteWhiteoutAsync(path, cancellation).ConfigureAwait(false);
            else await writer.WriteAloneAsync(parent, path[(slash + 1)..], path, cancellation).ConfigureAwait(false);
        }
        await tar.FinishAsync(cancellation).ConfigureAwait(false);
    }

    private sealed class TreeComparison(List<FileDifference> differences, Objects.ObjectStore objects, CancellationToken cancellation)
    {
        private readonly NameComparison _names = new(objects, cancellation);

        public void Compare(MergedDirectory? before, MergedDirectory? after, string prefix, int depth)
        {
            cancellation.ThrowIfCancellationRequested();
            if (depth > TreeSize.MaxDepth || (before is not null && after is not null && before.IsSameAs(after))) return;
            var names = new SortedSet<byte[]>(Comparer<byte[]>.Create(static (a, b) => a.AsSpan().SequenceCompareTo(b)));
            names.UnionWith(before?.Names() ?? []);
            names.UnionWith(after?.Names() ?? []);
            foreach (var name in names) CompareName(before, after, name, prefix + Encoding.UTF8.GetString(name), depth);
        }

        private void CompareName(MergedDirectory? before, MergedDirectory? after, byte[] name, string path, int depth)
        {
            FileStat was = default, now = default;
            int wasIn = -1, nowIn = -1;
            bool existed = before?.TryStat(name, out was, out wasIn) == true, exists = after?.TryStat(name, out now, out nowIn) == true;
            if (!existed && !exists) return;
            if (existed && exists && was.SameFile(now) && !was.IsDirectory) return;
            if (!existed) Add(path, 1, null, now);
            else if (!exists) Add(path, 2, was, null);
            else if (IsChanged(was, now, wasIn, nowIn, name)) Add(path, 0, was, now);
            if (!(existed && was.IsDirectory) && !(exists && now.IsDirectory)) return;
            using var left = existed && was.IsDirectory ? before!.Enter(name) : null;
            using var right = exists && now.IsDirectory ? after!.Enter(name) : null;
            Compare(left, right, path + "/", depth + 1);
        }

        private void Add(string path, int kind, FileStat? was, FileStat? now) =>
            differences.Add(new FileDifference { Path = path, Kind = kind, SizeBefore = was is { IsRegular: true } a ? a.Size : null, SizeAfter = now is { IsRegular: true } b ? b.Size : null });

        private bool IsChanged(in FileStat was, in FileStat now, int wasIn, int nowIn, byte[] name)
        {
            if (!NameComparison.SameInode(was, now)) return true;
            if (was.IsSymlink) return !NameComparison.SameTarget(wasIn, nowIn, name);
            if ((was.IsRegular || was.IsDirectory) && !NameComparison.SameXattrs(wasIn, nowIn, name, Counts)) return true;
            return was.IsRegular && (was.Size != now.Size || !NameComparison.SameTime(was, now) || !_names.SameContent(wasIn, nowIn, name));
        }

        /// <summary>Marks of overlayfs are no part of the file system it shows.</summary>
        private static bool Counts(byte[] attribute) => !OverlayMarks.IsMark(attribute);
    }
}
