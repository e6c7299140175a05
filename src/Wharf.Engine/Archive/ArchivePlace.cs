using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

/// <summary>
/// A path of the archive endpoints, found by docker's rules: <c>..</c> is resolved on the text, links on the way are followed inside the
/// root, the last part only when a slash or <c>/.</c> follows it.
/// </summary>
public sealed class ArchivePlace : IDisposable
{
    private readonly string _directory;

    private ArchivePlace(Fd parent, byte[] name, FileStat stat, string entryName, string directory) =>
        (Parent, Name, Stat, EntryName, _directory) = (parent, name, stat, entryName, directory);

    public Fd Parent { get; }
    /// <summary>The name in <see cref="Parent"/>, a dot for that directory itself.</summary>
    public byte[] Name { get; }
    public FileStat Stat { get; }
    /// <summary>What the archive calls it: the last part as asked for, <c>.</c>, or <c>/</c>.</summary>
    public string EntryName { get; }

    public static ArchivePlace Find(Fd root, string path)
    {
        var clean = Clean(path);
        bool dot = path == "." || path.EndsWith("/.", StringComparison.Ordinal);
        int slash = clean.LastIndexOf('/');
        bool self = dot || clean == "/" || path.EndsWith('/');
        var directory = self ? clean : clean[..slash];
        int fd = FileAt.OpenInRoot(root.Value, Bytes(directory), O.PATH | O.DIRECTORY);
        if (fd is -Errno.ENOENT or -Errno.ELOOP) throw NotFound(path);
        if (fd == -Errno.ENOTDIR) throw WharfException.Invalid($"{path}: not a directory");
        var parent = new Fd(FileAt.Check(fd, "openat2", Bytes(directory)));
        try
        {
            byte[] name = self ? [(byte)'.'] : Bytes(clean[(slash + 1)..]);
            int result = FileAt.Stat(parent.Value, name, out var stat);
            if (result is -Errno.ENOENT or -Errno.ENAMETOOLONG) throw NotFound(path);
            FileAt.Check(result, "statx", name);
            return new ArchivePlace(parent, name, stat, dot ? "." : clean == "/" ? "/" : clean[(slash + 1)..], directory);
        }
        catch
        {
            parent.Dispose();
            throw;
        }
    }

    /// <summary>The path from the root on, without <c>.</c>, <c>..</c>, doubled or closing slashes.</summary>
    public static string Clean(string path)
    {
        var parts = new List<string>();
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == "..") parts.RemoveRange(Math.Max(parts.Count - 1, 0), Math.Min(parts.Count, 1));
            else if (part != ".") parts.Add(part);
        }
        return "/" + string.Join('/', parts);
    }

    public static byte[] Bytes(string path) => Encoding.UTF8.GetBytes(path);

    public static WharfException NotFound(string path) => WharfException.NotFound($"Could not find the file {path}");

    /// <summary>Where a link leads, as a path from the root on; the text alone when nothing is there. Empty of what is no link.</summary>
    public string LinkTarget(Fd root)
    {
        if (!Stat.IsSymlink) return "";
        var target = Encoding.UTF8.GetString(FileAt.ReadLink(Parent.Value, Name));
        var path = Clean(target.StartsWith('/') ? target : Clean(_directory) + "/" + target);
        int fd = FileAt.OpenInRoot(root.Value, Bytes(path), O.PATH);
        if (fd < 0) return path;
        using var file = new Fd(fd);
        return Below(root, file) ?? path;
    }

    /// <summary>Where an open file lies below a root, from that root on; null when it is not below it (any more).</summary>
    public static string? Below(Fd root, Fd file)
    {
        var at = ProcPath(file);
        var rootAt = ProcPath(root);
        if (rootAt == "/") return at;
        return at.StartsWith(rootAt, StringComparison.Ordinal) ? Clean(at[rootAt.Length..]) : null;
    }

    private static string ProcPath(Fd file) => Encoding.UTF8.GetString(FileAt.ReadLink(OpenAt.AT_FDCWD, Bytes(file.ProcPath)));

    /// <summary>Go's os.FileMode of a mode word (package io/fs, type FileMode).</summary>
    public static uint GoMode(uint mode)
    {
        uint kind = (mode & FileStat.S_IFMT) switch
        {
            FileStat.S_IFDIR => GoFileMode.Directory,
            FileStat.S_IFLNK => GoFileMode.Symlink,
            FileStat.S_IFBLK => GoFileMode.Device,
            FileStat.S_IFCHR => GoFileMode.Device | GoFileMode.CharacterDevice,
            FileStat.S_IFIFO => GoFileMode.Pipe,
            FileStat.S_IFSOCK => GoFileMode.Socket,
            _ => 0,
        };
        return kind | GoFileMode.OfPermissions(mode);
    }

    /// <summary>Modification time as RFC 3339 with as many digits of the second as it has.</summary>
    public static string Time(in FileStat stat)
    {
        var fraction = stat.ModifiedNanoseconds == 0 ? "" : "." + stat.ModifiedNanoseconds.ToString("d9", CultureInfo.InvariantCulture).TrimEnd('0');
        // Years beyond what the type holds do occur: a file system stores more than a calendar.
        long seconds = Math.Clamp(stat.ModifiedSeconds, DateTimeOffset.MinValue.ToUnixTimeSeconds(), DateTimeOffset.MaxValue.ToUnixTimeSeconds());
        return DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture) + fraction + "Z";
    }

    public void Dispose() => Parent.Dispose();
}
