using System.Text;
using Microsoft.Extensions.Logging;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Containers;

/// <summary>The cgroup that holds all containers of one daemon, in each hierarchy.</summary>
internal static class CgroupRoot
{
    private const string Mount = "/sys/fs/cgroup", NestedProcesses = "/init";

    /// <summary>The cgroup's path below each hierarchy's mount.</summary>
    public static string PathOf(string instanceTag) => $"/wharf-{instanceTag}";

    /// <summary>Whether containers can have cgroups: inside a user namespace only where the hierarchy, or a part of it, was handed to its root.</summary>
    public static bool MayMake { get; } = !UserNamespace.IsInner || (File.Exists(Mount + "/cgroup.controllers") ? FileAt.MayWrite(Mount) : FileAt.MayWrite(Mount + "/memory"));

    /// <summary>
    /// A container's <c>linux.cgroupsPath</c>: a directory below the daemon's or the wished parent's, or <c>slice:prefix:name</c> of a systemd scope.
    /// </summary>
    public static string PlaceOf(string id, string? parent, string root, bool systemd)
    {
        if (systemd) return $"{(string.IsNullOrEmpty(parent) ? "system.slice" : parent)}:wharf:{id}";
        return string.IsNullOrEmpty(parent) ? $"{root}/{id}" : $"/{parent.Trim('/')}/{id}";
    }

    /// <summary>
    /// In a container (cgroup v2 with a namespace of its own) the daemon sits in the group that is the root to it, and a group with processes gives no
    /// controllers to groups below it: they move into one beside the containers. The true root has no <c>cgroup.type</c>, and may have processes.
    /// The controllers are given away at once: what the engine outside executes here joins its group as long as it may, and would be in the way later.
    /// </summary>
    public static void LeaveNestedRoot(ILogger log, string root = Mount)
    {
        if (!MayMake || !File.Exists(root + "/cgroup.type")) return;
        try
        {
            for (int tries = 0; tries < 10; tries++)
            {
                // 0 is a process outside of this process namespace: not ours to move.
                var processes = File.ReadAllLines(root + "/cgroup.procs").Where(process => process is not ("0" or "")).ToList();
                if (processes.Count > 0) Directory.CreateDirectory(root + NestedProcesses);
                foreach (var process in processes) Move(process, root + NestedProcesses + "/cgroup.procs");
                if (GivesControllers(root)) return;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            log.NestedRootNotLeft(root, error);
        }
    }

    // False where a process has come in meanwhile.
    private static bool GivesControllers(string root)
    {
        var controllers = File.ReadAllText(root + "/cgroup.controllers").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        try { File.WriteAllText(root + "/cgroup.subtree_control", string.Join(' ', controllers.Select(name => "+" + name))); }
        catch (IOException) when (File.ReadAllText(root + "/cgroup.procs").Length > 0) { return false; }
        return true;
    }

    private static void Move(string process, string group)
    {
        try { File.WriteAllText(group, process); }
        catch (IOException) when (!Directory.Exists("/proc/" + process)) { /* ended meanwhile */ }
    }

    /// <summary>Removes it where it is empty; with containers in it, it stays for the next daemon.</summary>
    public static void Release(string instanceTag)
    {
        if (!MayMake) return;
        var path = PathOf(instanceTag);
        Remove(Mount + path);
        // cgroup v1: a directory for each controller, some of them links to a shared one.
        foreach (var hierarchy in Directory.EnumerateDirectories(Mount)) Remove(hierarchy + path);
    }

    private static void Remove(string directory)
    {
        var name = Encoding.UTF8.GetBytes(directory);
        int result = FileAt.Unlink(OpenAt.AT_FDCWD, name, isDirectory: true);
        // Read-only is the directory that systemd mounts the hierarchies of v1 in.
        if (result is not (0 or -Errno.ENOENT or -Errno.EBUSY or -Errno.EROFS)) FileAt.Check(result, "rmdir", name);
    }
}
