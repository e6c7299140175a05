using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Containers;

/// <summary>The cgroup that holds all containers of one daemon, in each hierarchy.</summary>
internal static class CgroupRoot
{
    private const string Mount = "/sys/fs/cgroup";

    /// <summary>The cgroup's path below each hierarchy's mount.</summary>
    public static string PathOf(string instanceTag) => $"/wharf-{instanceTag}";

    /// <summary>
    /// A container's <c>linux.cgroupsPath</c>: a directory below the daemon's or the wished parent's, or <c>slice:prefix:name</c> of a systemd scope.
    /// </summary>
    public static string PlaceOf(string id, string? parent, string root, bool systemd)
    {
        if (systemd) return $"{(string.IsNullOrEmpty(parent) ? "system.slice" : parent)}:wharf:{id}";
        return string.IsNullOrEmpty(parent) ? $"{root}/{id}" : $"/{parent.Trim('/')}/{id}";
    }

    /// <summary>Removes it where it is empty; with containers in it, it stays for the next daemon.</summary>
    public static void Release(string instanceTag)
    {
        var path = PathOf(instanceTag);
        Remove(Mount + path);
        // cgroup v1: a directory for each controller, some of them links to a shared one.
        foreach (var hierarchy in Directory.EnumerateDirectories(Mount)) Remove(hierarchy + path);
    }

    private static void Remove(string directory)
    {
        var name = Encoding.UTF8.GetBytes(directory);
        int result = FileAt.Unlink(OpenAt.AT_FDCWD, name, isDirectory: true);
        if (result is not (0 or -Errno.ENOENT or -Errno.EBUSY)) FileAt.Check(result, "rmdir", name);
    }
}
