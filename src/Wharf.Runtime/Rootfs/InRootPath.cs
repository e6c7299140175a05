using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Init;

namespace Wharf.Runtime.Rootfs;

/// <summary>Making what is missing under a container's root, one step at a time through descriptors that cannot leave it.</summary>
public static class InRootPath
{
    private const int MostLinks = 40; // as the kernel

    /// <summary>Opens a directory under the root, creating it and its parents (0755, the container's root) where missing; where a link leads to nothing, what it names, inside the root.</summary>
    public static Fd OpenOrCreateDirectory(Fd root, string path, IdMaps maps) => OpenOrCreateDirectory(root, path, maps, 0);

    private static Fd OpenOrCreateDirectory(Fd root, string path, IdMaps maps, int links)
    {
        if (OpenAt.TryInRoot(root, path, O.PATH | O.DIRECTORY, 0, Resolve.None, out int errno) is { } existing) return existing;
        if (errno != Errno.ENOENT) throw new SyscallException("openat2", errno, path);
        if (links > MostLinks) throw new SyscallException("openat2", Errno.ELOOP, path);
        var (parentPath, name) = Split(path);
        using var parent = OpenOrCreateDirectory(root, parentPath, maps, links);
        if (Libc.mkdirat(parent.Value, name, 0b111_101_101) >= 0) Own(parent, name, maps);
        else if (Marshal.GetLastPInvokeError() is not Errno.EEXIST and var error) throw new SyscallException("mkdirat", error, path);
        else if (LinkTarget(parent, name) is { } target) return OpenOrCreateDirectory(root, target.StartsWith('/') ? target : $"{parentPath}/{target}", maps, links + 1);
        return OpenAt.InRoot(root, path, O.PATH | O.DIRECTORY);
    }

    private static string? LinkTarget(Fd parent, string name)
    {
        using var link = OpenAt.TryInRoot(parent, name, O.PATH | O.NOFOLLOW, 0, Resolve.None, out _);
        return link is not null && FileStat.Of(link).IsSymlink ? Encoding.UTF8.GetString(FileAt.ReadLink(link.Value, [])) : null;
    }

    /// <summary>Opens a file to mount on under the root, creating an empty one where missing.</summary>
    public static Fd OpenOrCreateFile(Fd root, string path, IdMaps maps)
    {
        if (OpenAt.TryInRoot(root, path, O.PATH, 0, Resolve.None, out int errno) is { } existing) return existing;
        if (errno != Errno.ENOENT) throw new SyscallException("openat2", errno, path);
        var (parentPath, name) = Split(path);
        using var parent = OpenOrCreateDirectory(root, parentPath, maps);
        using (OpenAt.InRoot(parent, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.NOCTTY, 0b110_100_100)) { }
        Own(parent, name, maps);
        return OpenAt.InRoot(root, path, O.PATH);
    }

    private static void Own(Fd parent, string name, IdMaps maps)
    {
        if (!maps.IsHost) SyscallException.Check(Libc.fchownat(parent.Value, name, maps.Uid(0), maps.Gid(0), OpenAt.AT_SYMLINK_NOFOLLOW), "fchownat", name);
    }

    private static (string Parent, string Name) Split(string path)
    {
        var trimmed = path.TrimEnd('/');
        int at = trimmed.LastIndexOf('/');
        var name = trimmed[(at + 1)..];
        if (name is "" or "." or "..") throw new SyscallException("openat2", Errno.ENOENT, path);
        return (at <= 0 ? "/" : trimmed[..at], name);
    }
}
