using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// One directory as overlayfs would show it over a stack of layers, read without mounting anything: the same directory in each
/// layer, uppermost first, down to where a whiteout, an opaque mark or another kind of file ends the merge.
/// </summary>
internal sealed class MergedDirectory : IDisposable
{
    private readonly List<Fd> _layers;

    private MergedDirectory(List<Fd> layers) => _layers = layers;

    /// <summary>The root over layer directories, uppermost first.</summary>
    public static MergedDirectory Open(IEnumerable<string> layers)
    {
        var root = new MergedDirectory([]);
        try
        {
            foreach (var path in layers) root._layers.Add(OpenAt.Open(path, O.RDONLY | O.DIRECTORY));
            return root;
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    /// <summary>The name's stat as seen through the merge; false when it is not there. <paramref name="directory"/> is the layer's directory that has it.</summary>
    public bool TryStat(ReadOnlySpan<byte> name, out FileStat stat, out int directory)
    {
        foreach (var layer in _layers)
        {
            int result = FileAt.Stat(layer.Value, name, out stat);
            if (result == -Errno.ENOENT) continue;
            FileAt.Check(result, "statx", name);
            directory = layer.Value;
            return !stat.IsWhiteout;
        }
        (stat, directory) = (default, -1);
        return false;
    }

    /// <summary>The directory of that name; null when there is none.</summary>
    public MergedDirectory? Enter(ReadOnlySpan<byte> name)
    {
        var child = new MergedDirectory([]);
        int above = -1;
        try
        {
            foreach (var layer in _layers)
            {
                int result = FileAt.Stat(layer.Value, name, out var stat);
                if (result == -Errno.ENOENT) continue;
                FileAt.Check(result, "statx", name);
                // Marks are asked for only where there is something that they hide.
                if (!stat.IsDirectory || (above >= 0 && OverlayMarks.IsOpaque(above, name))) break;
                child._layers.Add(new Fd(FileAt.Check(FileAt.Open(layer.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open", name)));
                above = layer.Value;
            }
        }
        catch
        {
            child.Dispose();
            throw;
        }
        if (child._layers.Count > 0) return child;
        child.Dispose();
        return null;
    }

    /// <summary>Whether both show the very same directories of the same layers.</summary>
    public bool IsSameAs(MergedDirectory other)
    {
        if (_layers.Count != other._layers.Count) return false;
        for (int i = 0; i < _layers.Count; i++)
            if (!FileStat.Of(_layers[i]).SameFile(FileStat.Of(other._layers[i]))) return false;
        return true;
    }

    /// <summary>All names the merge shows, sorted by bytes.</summary>
    public List<byte[]> Names() => NamesBesides([]);

    /// <summary>The names that the merge shows and that are not among these, sorted by bytes.</summary>
    public List<byte[]> NamesBesides(IEnumerable<byte[]> others)
    {
        var seen = new HashSet<byte[]>(others, ByteStringComparer.Instance);
        var names = new List<byte[]>();
        foreach (var layer in _layers)
        {
            foreach (var name in OverlayMarks.NamesIn(layer))
            {
                if (seen.Add(name) && TryStat(name, out _, out _)) names.Add(name);
            }
        }
        names.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return names;
    }

    public void Dispose()
    {
        foreach (var layer in _layers) layer.Dispose();
    }
}
