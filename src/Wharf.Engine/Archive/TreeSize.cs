using Wharf.Linux.Fds;

namespace Wharf.Engine.Archive;

/// <summary>How much a tree holds. Containers make trees: they may be nested without end, deeper than any path can name, and change meanwhile.</summary>
public static class TreeSize
{
    /// <summary>Deeper than any path can name (PATH_MAX of one-letter directories), nothing is looked at.</summary>
    internal const int MaxDepth = 2048;

    /// <summary>Bytes of the files below a directory of the daemon's own, hard links counted once and links not followed.</summary>
    public static long Of(string path)
    {
        using var directory = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
        return Of(directory);
    }

    /// <summary>The same of a directory that is open.</summary>
    public static long Of(Fd directory) => Of(directory, [], 0);

    private static long Of(Fd directory, HashSet<(uint, uint, ulong)> linked, int depth)
    {
        if (depth > MaxDepth) return 0;
        long size = 0;
        foreach (var name in DirectoryEntries.Read(directory.Value))
        {
            if (FileAt.Stat(directory.Value, name, out var stat) < 0) continue;
            if (!stat.IsDirectory)
            {
                if (stat.Links == 1 || linked.Add((stat.DeviceMajor, stat.DeviceMinor, stat.Inode))) size += stat.Size;
                continue;
            }
            int fd = FileAt.Open(directory.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
            if (fd < 0) continue;
            using var child = new Fd(fd);
            size += Of(child, linked, depth + 1);
        }
        return size;
    }
}
