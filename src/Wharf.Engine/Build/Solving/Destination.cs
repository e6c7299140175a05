using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Solving;

/// <summary>
/// Where something goes in a file system that may not have the directories yet, links in it resolved. A layer names each directory on the
/// way: an engine that unpacks it would otherwise make them anew with modes of its own.
/// </summary>
/// <param name="take">Sees each entry; false leaves it out.</param>
internal sealed class Destination(Fd root, Func<TarEntry, bool>? take = null)
{
    private readonly HashSet<string> _written = new(StringComparer.Ordinal);

    /// <summary>The real path of a directory as far as it exists, and the parts that are missing. InvalidArgument when something on the way is no directory.</summary>
    public (string Existing, string[] Missing) Resolve(string path)
    {
        var at = "";
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < parts.Length; i++)
        {
            var next = at.Length == 0 ? parts[i] : $"{at}/{parts[i]}";
            int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(next), O.PATH | O.DIRECTORY);
            if (fd == -Errno.ENOENT) return (at, parts[i..]);
            if (fd is -Errno.ENOTDIR or -Errno.ELOOP) throw WharfException.Invalid($"cannot copy to non-directory: /{next}");
            using var directory = new Fd(FileAt.Check(fd, "openat2", Encoding.UTF8.GetBytes(next)));
            at = (ArchivePlace.Below(root, directory) ?? throw WharfException.Invalid($"/{next} leads out of its root")).Trim('/');
        }
        return (at, []);
    }

    /// <summary>What is at a resolved path, a link not followed; null when nothing is.</summary>
    public FileStat? StatOf(string path)
    {
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(path), O.PATH | O.NOFOLLOW);
        if (fd < 0) return null;
        using var file = new Fd(fd);
        return FileStat.Of(file);
    }

    /// <summary>Whether a path, links followed, is a directory, or was made one.</summary>
    public bool IsDirectory(string path)
    {
        if (_written.Contains(path.Trim('/'))) return true;
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(path), O.PATH | O.DIRECTORY);
        if (fd < 0) return false;
        new Fd(fd).Dispose();
        return true;
    }

    /// <summary>
    /// Writes a directory and its parents, those that exist as they are, the others new. Something is going to be made in it, so it gets a new
    /// time: that of the new directory. Gives its real path.
    /// </summary>
    public async Task<string> WriteDirectoryAsync(TarWriter tar, string path, NewDirectory make, CancellationToken cancellation)
    {
        var (existing, missing) = Resolve(path);
        var parts = existing.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 1; i <= parts.Length; i++) await WriteExistingAsync(tar, string.Join('/', parts[..i]), i < parts.Length ? null : missing.Length == 0 ? make.Seconds : make.Above ?? make.Seconds, cancellation);
        var at = existing;
        for (int i = 0; i < missing.Length; i++)
        {
            at = at.Length == 0 ? missing[i] : $"{at}/{missing[i]}";
            long seconds = i == missing.Length - 1 ? make.Seconds : make.Above ?? make.Seconds;
            if (_written.Add(at)) await WriteAsync(tar, new TarEntry { Type = TarType.Directory, Name = Encoding.UTF8.GetBytes(at + "/"), Mode = make.Mode, Uid = make.Uid, Gid = make.Gid, ModifiedSeconds = seconds }, cancellation);
        }
        return at;
    }

    private async Task WriteAsync(TarWriter tar, TarEntry entry, CancellationToken cancellation)
    {
        if (take?.Invoke(entry) != false) await tar.WriteEntryAsync(entry, cancellation);
    }

    private async Task WriteExistingAsync(TarWriter tar, string path, long? seconds, CancellationToken cancellation)
    {
        if (!_written.Add(path) || StatOf(path) is not { } stat) return;
        await WriteAsync(tar, new TarEntry { Type = TarType.Directory, Name = Encoding.UTF8.GetBytes(path + "/"), Mode = stat.Permissions, Uid = stat.Uid, Gid = stat.Gid, ModifiedSeconds = seconds ?? stat.ModifiedSeconds }, cancellation);
    }
}

/// <summary>What a directory that did not exist gets. Seconds since 1970.</summary>
/// <param name="Above">The time of directories above it that something is made in; as its own when null.</param>
internal readonly record struct NewDirectory(uint Mode, uint Uid, uint Gid, long Seconds, long? Above = null);
