using Wharf.Linux.Fds;

namespace Wharf.Engine.State;

/// <summary>Counts the blocks that files share, each once.</summary>
internal sealed class SharedBlocks
{
    private readonly Dictionary<(ulong Place, ulong Length), (int Order, string Use)> _runs = [];

    /// <summary>
    /// The bytes a file has for itself; what it shares is noted. What lies among the file system's own is not counted, as its directories and symbolic links are not. 0
    /// when the file is gone.
    /// </summary>
    public long Add(int directory, byte[] name, string use)
    {
        // O_NONBLOCK: a pipe that took the file's place meanwhile must not hold us.
        int fd = FileAt.Open(directory, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
        if (fd < 0) return 0;
        using var file = new Fd(fd);
        if (FileExtents.Read(fd) is not { } extents) return 0;
        long own = 0;
        foreach (var extent in extents.Where(static extent => !extent.IsInline))
        {
            if (extent.IsShared && extent.IsPlaced) _runs.TryAdd((extent.Place, extent.Length), (_runs.Count, use));
            else own += (long)extent.Length;
        }
        return own;
    }

    /// <summary>Of what is shared, how much is for which use: for the first that was told of it.</summary>
    public Dictionary<string, long> BytesByUse()
    {
        var bytes = new Dictionary<string, long>(StringComparer.Ordinal);
        ulong end = 0;
        foreach (var ((place, length), (_, use)) in _runs.OrderBy(run => run.Key.Place).ThenBy(run => run.Value.Order))
        {
            ulong from = Math.Max(place, end);
            if (place + length <= from) continue;
            end = place + length;
            bytes[use] = bytes.GetValueOrDefault(use) + (long)(end - from);
        }
        return bytes;
    }
}
