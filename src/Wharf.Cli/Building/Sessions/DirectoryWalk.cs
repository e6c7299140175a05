using Wharf.BuildKit.Protocol.Sessions;
using Wharf.Cli.Copying;
using Wharf.Specs.Build;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Building.Sessions;

/// <summary>
/// The entries of a directory, each directory before what is in it and names in the order of their bytes: the order that receivers insist on.
/// </summary>
/// <param name="only">Just these paths, what is below them and what leads to them; null for all.</param>
internal sealed class DirectoryWalk(string root, IReadOnlySet<string>? only, IgnorePatterns? excluded)
{
    public IEnumerable<(string Path, Stat Stat)> Entries() => Entries(new DirectoryInfo(root), "", only is null || only.Contains(""));

    private IEnumerable<(string, Stat)> Entries(DirectoryInfo directory, string prefix, bool all)
    {
        foreach (var entry in directory.EnumerateFileSystemInfos().OrderBy(static entry => entry.Name, StringComparer.Ordinal))
        {
            var path = prefix + entry.Name;
            bool inside = all || only!.Contains(path);
            bool isDirectory = entry is DirectoryInfo && entry.LinkTarget is null;
            if (!inside && !(isDirectory && LeadsToWanted(path))) continue;
            bool left = excluded?.Excludes(path) == true;
            if (left && !(isDirectory && excluded!.MayHoldException(path))) continue;
            if (Describe(entry, path, isDirectory) is not { } stat) continue;
            if (!isDirectory)
            {
                yield return (entry.FullName, stat);
                continue;
            }
            // A directory that is itself left out is told of only if something in it is not.
            bool told = !left && inside;
            if (told) yield return (entry.FullName, stat);
            foreach (var below in Entries((DirectoryInfo)entry, path + "/", inside))
            {
                if (!told) yield return (entry.FullName, stat);
                told = true;
                yield return below;
            }
        }
    }

    private bool LeadsToWanted(string directory) => only!.Any(path => path.StartsWith(directory + "/", StringComparison.Ordinal));

    /// <summary>Null for what means nothing elsewhere: sockets, pipes, devices.</summary>
    private static Stat? Describe(FileSystemInfo entry, string path, bool isDirectory)
    {
        var stat = new Stat { Path = path, ModTime = (entry.LastWriteTimeUtc - DateTime.UnixEpoch).Ticks * 100 };
        if (entry.LinkTarget is { } target)
        {
            (stat.Mode, stat.Linkname) = (GoFileMode.Symlink | 0x1ff, target);
            return stat;
        }
        stat.Mode = GoFileMode.OfPermissions((uint)entry.UnixFileMode);
        if (isDirectory)
        {
            stat.Mode |= GoFileMode.Directory;
            return stat;
        }
        if (!FileKind.IsRegular(entry.FullName)) return null;
        stat.Size = ((FileInfo)entry).Length;
        return stat;
    }
}
