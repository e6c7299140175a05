using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Build;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Solving;

/// <summary>One thing to copy, found in the source's root. The name is in <see cref="Parent"/>; a dot for that directory itself.</summary>
internal sealed record CopySource(Fd Parent, byte[] Name, FileStat Stat, string Path) : IDisposable
{
    public bool IsDirectory => Stat.IsDirectory;
    /// <summary>The last part of the path, as the destination directory gets it.</summary>
    public string BaseName => Path[(Path.LastIndexOf('/') + 1)..];
    public void Dispose() => Parent.Dispose();
}

/// <summary>What a step wants to copy is not there.</summary>
public sealed class SourceMissingException(string word) : WharfException(ErrorKind.NotFound, $"\"{ArchivePlace.Clean(word)}\": not found")
{
    /// <summary>The source as the Dockerfile has it.</summary>
    public string Word { get; } = word;
    public bool IsPattern => Word.AsSpan().ContainsAny('*', '?', '[');
}

/// <summary>
/// Finds what the source words of COPY and ADD name: Go's path patterns within each part, links on the way and at the end followed, but
/// never out of the root (openat2; CVE-2014-9356).
/// </summary>
internal static class CopySources
{
    /// <param name="deep">Two asterisks stand for any number of directories, as <c>--parents</c> has it.</param>
    /// <param name="strict">Also a pattern must find something; else it may find nothing.</param>
    public static List<CopySource> Find(Fd root, string word, IReadOnlySet<string> excluded, bool deep = false, bool strict = true)
    {
        var parts = ArchivePlace.Clean(word).Split('/', StringSplitOptions.RemoveEmptyEntries);
        bool pattern = Array.Exists(parts, HasWildcards);
        var paths = new List<string> { "" };
        foreach (var part in parts)
        {
            if (deep && part == Deep) paths = [.. paths.SelectMany(path => Directories(root, path)).Distinct()];
            else paths = [.. paths.SelectMany(path => pattern && HasWildcards(part) ? Matching(root, path, part) : [Join(path, Unescaped(part))])];
        }
        if (deep && Array.IndexOf(parts, Deep) >= 0) paths = Uppermost(paths);
        var sources = new List<CopySource>();
        try
        {
            foreach (var path in paths)
            {
                if (excluded.Contains(path)) continue;
                if (Open(root, path) is { } source) sources.Add(source);
            }
            return sources.Count > 0 || (pattern && !strict) ? sources : throw NotFound(word);
        }
        catch
        {
            foreach (var source in sources) source.Dispose();
            throw;
        }
    }

    private const string Deep = "**";

    /// <summary>A directory and all those below it, links not followed.</summary>
    private static IEnumerable<string> Directories(Fd root, string directory)
    {
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(directory), O.RDONLY | O.DIRECTORY);
        if (fd < 0) yield break;
        using var opened = new Fd(fd);
        yield return directory;
        foreach (var name in DirectoryEntries.Read(opened.Value))
        {
            if (FileAt.Stat(opened.Value, name, out var stat) < 0 || !stat.IsDirectory) continue;
            foreach (var below in Directories(root, Join(directory, Encoding.UTF8.GetString(name)))) yield return below;
        }
    }

    /// <summary>Without what lies below another one of them: that comes with it.</summary>
    private static List<string> Uppermost(List<string> paths)
    {
        var all = new HashSet<string>(paths, StringComparer.Ordinal);
        return [.. all.Where(path => path.Length == 0 || !Above(path).Any(all.Contains))];
    }

    private static IEnumerable<string> Above(string path)
    {
        for (int slash = path.LastIndexOf('/'); slash >= 0; slash = slash == 0 ? -1 : path.LastIndexOf('/', slash - 1)) yield return path[..slash];
        yield return "";
    }

    public static WharfException NotFound(string word) => new SourceMissingException(word);

    public static bool HasWildcards(string part) => part.AsSpan().ContainsAny('*', '?', '[');

    private static string Unescaped(string part) => part.Replace("\\", "", StringComparison.Ordinal);

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}/{name}";

    private static IEnumerable<string> Matching(Fd root, string directory, string pattern)
    {
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(directory), O.RDONLY | O.DIRECTORY);
        if (fd < 0) return [];
        using var opened = new Fd(fd);
        return [.. DirectoryEntries.Read(opened.Value).Select(Encoding.UTF8.GetString).Where(name => IgnorePatterns.MatchesPart(pattern, name)).Order(StringComparer.Ordinal).Select(name => Join(directory, name))];
    }

    /// <summary>Null when there is nothing of that path.</summary>
    private static CopySource? Open(Fd root, string path)
    {
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(path), O.PATH);
        if (fd is -Errno.ENOENT or -Errno.ENOTDIR or -Errno.ELOOP) return null;
        using var file = new Fd(FileAt.Check(fd, "openat2", Encoding.UTF8.GetBytes(path)));
        var stat = FileStat.Of(file);
        // A link leads to where its target is: there it is opened by name, so that it can be read like everything else.
        var real = (ArchivePlace.Below(root, file) ?? throw WharfException.Invalid($"\"/{path}\" leads out of its root")).Trim('/');
        if (stat.IsDirectory) return new CopySource(OpenDirectory(root, real), "."u8.ToArray(), stat, path);
        int slash = real.LastIndexOf('/');
        return new CopySource(OpenDirectory(root, slash < 0 ? "" : real[..slash]), Encoding.UTF8.GetBytes(real[(slash + 1)..]), stat, path);
    }

    private static Fd OpenDirectory(Fd root, string path)
    {
        var bytes = Encoding.UTF8.GetBytes(path);
        return new Fd(FileAt.Check(FileAt.OpenInRoot(root.Value, bytes, O.RDONLY | O.DIRECTORY), "openat2", bytes));
    }
}
