using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Init;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;
using static Wharf.Linux.Mounts.MountFlags;

namespace Wharf.Runtime.Rootfs;

/// <summary>
/// Builds a container's tree of mounts in the launch thread's own mount namespace. What lies under /proc is only prepared here:
/// the new PID namespace's procfs can be mounted by a process inside it alone, so <see cref="ProcMounts"/> goes to the child.
/// </summary>
public sealed partial class ContainerMounts(Fd root, CgroupLayout layout, string? cgroupPath, IdMaps maps, MountSources sources, string? label) : IDisposable
{
    private const string Proc = "/proc";

    /// <summary>Detached mounts to be placed under /proc by the child, with their targets.</summary>
    public List<(Fd Mount, string Destination)> ProcMounts { get; } = [];

    /// <summary>True when the configuration asks for a procfs at /proc.</summary>
    public bool WantsProc { get; private set; }

    /// <summary>True when a procfs that is there lies at /proc, first of <see cref="ProcMounts"/>: containers with the host's processes, say.</summary>
    public bool BindsProc { get; private set; }
    public ulong ProcAttributes { get; private set; }

    /// <summary>False when /dev is the host's own: the runtime makes nothing there.</summary>
    public bool MountsDev { get; private set; } = true;

    public void Add(Mount mount)
    {
        // As the other runtimes do with what is not absolute: below the root.
        var destination = mount.Destination.StartsWith('/') ? mount.Destination : "/" + mount.Destination;
        try
        {
            Add(mount, Normal(destination), MountOptions.Parse(mount.Options));
        }
        catch (SyscallException error)
        {
            throw new LaunchException($"error mounting \"{mount.Source}\" to rootfs at \"{mount.Destination}\": {error.Message}", "mount", error.Errno, 125, error);
        }
    }

    private void Add(Mount mount, string destination, MountOptions options)
    {
        var type = options.Bind ? "bind" : mount.Type is { Length: > 0 } given ? given : "bind";
        if (options.Remount)
        {
            Remount(destination, options);
            return;
        }
        if (destination == "/") throw WharfException.Invalid("\"/\" cannot be mounted over: it is the root");
        if (destination != Proc && Masks.IsUnderProc(destination) && !MayLieUnderProc(destination)) throw WharfException.Invalid($"\"{destination}\" cannot be mounted because it is inside /proc");
        if (destination == Proc && type is not ("proc" or "bind")) throw NoProc(destination, type);
        if (type == "proc" && destination == Proc)
        {
            RequirePlain(destination);
            WantsProc = true;
            ProcAttributes = options.Set;
        }
        else if (type is "cgroup" or "cgroup2") AddCgroup(mount, destination, options);
        else if (type == "bind") AddBind(mount, destination, options);
        else AddFileSystem(type, mount, destination, options);
    }

    private static string Normal(string destination) => destination.Length > 1 ? destination.TrimEnd('/') : destination;

    private void AddFileSystem(string type, Mount mount, string destination, MountOptions options)
    {
        if (type is "sysfs" or "proc" || destination == "/dev") RequirePlain(destination);
        var tree = sources.Take(mount) is { } made ? made : type == "overlay" ? OverlayMount.Create(options.Data, options.Set, ownNamespace: true) : MountTree.Create(type, mount.Source is { Length: > 0 } source ? source : type, DataOf(type, destination, options), options.Set);
        if (options.CopyUp && type == "tmpfs")
        {
            using var covered = InRootPath.OpenOrCreateDirectory(root, destination, maps);
            using var readable = OpenAt.InRoot(root, destination, O.RDONLY | O.DIRECTORY);
            TreeCopy.Into(readable, tree);
        }
        // The file system of message queues is made with its IPC namespace, which takes no label any more: its root gets one.
        if (IsLabelled && type == "mqueue") FileAt.Check(Xattr.Set(tree.Value, ""u8, "security.selinux"u8, Encoding.UTF8.GetBytes(label! + '\0')), "setxattr security.selinux", Encoding.UTF8.GetBytes(destination));
        Place(tree, destination, options, directory: true);
    }

    private bool IsLabelled => label is { Length: > 0 } && SecurityModules.Selinux;

    /// <summary>What the file system is told: owners by the container's numbers; a new tmpfs takes mode and owner of what it covers.</summary>
    private IEnumerable<string> DataOf(string type, string destination, MountOptions options)
    {
        bool owner = false, group = false, mode = false;
        foreach (var word in options.Data)
        {
            var (key, value) = word.IndexOf('=') is var at and > 0 ? (word[..at], word[(at + 1)..]) : (word, "");
            owner |= key == "uid";
            group |= key == "gid";
            mode |= key == "mode";
            if (maps.IsHost || type is not ("tmpfs" or "devpts") || key is not ("uid" or "gid") || !uint.TryParse(value, out var id)) yield return word;
            else yield return $"{key}={(key == "uid" ? maps.Uid(id) : maps.Gid(id))}";
        }
        if (IsLabelled && type is not ("proc" or "sysfs" or "mqueue")) yield return "context=" + label;
        if (type != "tmpfs") yield break;
        using var covered = OpenAt.TryInRoot(root, destination, O.PATH | O.DIRECTORY, 0, Resolve.None, out _);
        if (!mode && covered is not null && destination != "/dev") yield return "mode=" + Convert.ToString(FileStat.Of(covered).Permissions, 8);
        if (maps.IsHost) yield break;
        if (!owner) yield return $"uid={maps.Uid(0)}";
        if (!group) yield return $"gid={maps.Gid(0)}";
    }

    private void AddBind(Mount mount, string destination, MountOptions options)
    {
        if (mount.Source is not { Length: > 0 } source) throw WharfException.Invalid($"mount {mount.Destination}: a bind needs a source");
        if (destination == "/dev") MountsDev = false;
        using var file = options.Subpath.Length == 0 ? OpenAt.Open(source, O.PATH) : OpenBelow(source, options.Subpath);
        if (destination == Proc)
        {
            RequirePlain(destination);
            if (!FileSystemType.IsProc(file)) throw NoProc(destination, source);
            BindsProc = true;
        }
        var tree = options.Subpath.Length > 0 ? MountTree.Clone(file, options.Recursive) : sources.Take(mount) ?? MountTree.Clone(source, options.Recursive);
        MountTree.SetAttributes(tree, options.Set, options.Clear);
        MapOwners(tree, mount, options);
        Place(tree, destination, options, FileStat.Of(file).IsDirectory);
    }

    // The parts of /proc that programs which imitate them mount over (lxcfs), and what namespaces make safe.
    private static bool MayLieUnderProc(string destination) => destination is "/proc/cpuinfo" or "/proc/diskstats" or "/proc/meminfo" or "/proc/stat" or "/proc/swaps" or "/proc/uptime"
        or "/proc/loadavg" or "/proc/slabinfo" or "/proc/net/dev" or "/proc/sys/kernel/ns_last_pid" or "/proc/sys/crypto/fips_enabled";

    private static WharfException NoProc(string destination, string what) => WharfException.Invalid($"\"{destination}\" cannot be mounted because it is not of type proc: {what}");

    private void Remount(string destination, MountOptions options)
    {
        using var target = OpenAt.InRoot(root, destination, O.PATH);
        MountTree.SetAttributes(target, options.Set, options.Clear);
        MountTree.SetAttributes(target, options.RecursiveSet, options.RecursiveClear, recursive: true);
    }

    private void MapOwners(Fd tree, Mount mount, MountOptions options)
    {
        if (mount.UidMappings is null && mount.GidMappings is null && !options.IdMap) return;
        var wanted = mount.UidMappings is null && mount.GidMappings is null ? maps : new IdMaps(mount.UidMappings ?? [], mount.GidMappings ?? []);
        if (wanted.IsHost) throw WharfException.Invalid($"mount {mount.Destination}: idmap needs mappings, of the mount or of a user namespace");
        using var names = wanted.MakeNamespace();
        MountTree.MapOwners(tree, names, options.IdMapRecursive);
    }

    private static Fd OpenBelow(string source, string subpath)
    {
        using var top = OpenAt.Open(source, O.PATH | O.DIRECTORY);
        return OpenAt.TryInRoot(top, subpath, O.PATH, 0, Resolve.NoXdev, out int errno) ?? throw new SyscallException("openat2", errno, $"{source}/{subpath}");
    }

    private void Place(Fd tree, string destination, MountOptions options, bool directory)
    {
        MountTree.SetAttributes(tree, options.RecursiveSet, options.RecursiveClear, recursive: true);
        // Nothing mounted in a container reaches the host, and nothing the host mounts later appears, unless asked for.
        MountTree.SetAttributes(tree, 0, 0, options.Propagation ?? MS_PRIVATE, options.PropagationRecursive || options.Propagation is null);
        if (Masks.IsUnderProc(destination))
        {
            ProcMounts.Add((tree, destination));
            return;
        }
        using (tree)
        using (var target = directory ? InRootPath.OpenOrCreateDirectory(root, destination, maps) : InRootPath.OpenOrCreateFile(root, destination, maps))
            MountTree.Attach(tree, target, destination);
    }

    // An image whose /dev, /proc or /sys is a symbolic link would have the kernel's files appear elsewhere (CVE-2026-41579, CVE-2019-16884).
    private void RequirePlain(string destination)
    {
        using var plain = OpenAt.TryInRoot(root, destination, O.PATH | O.DIRECTORY, 0, Resolve.NoSymlinks, out int errno);
        if (errno == Errno.ELOOP) throw WharfException.Invalid($"the image's {destination} is a symbolic link: refused", new SyscallException("openat2", errno, destination));
        if (plain is null) InRootPath.OpenOrCreateDirectory(root, destination, maps).Dispose();
    }

    public void Dispose()
    {
        foreach (var (mount, _) in ProcMounts) mount.Dispose();
    }
}
