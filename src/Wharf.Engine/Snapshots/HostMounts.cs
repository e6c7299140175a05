using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Read-only views of containers, their versions and images on the host, for scanners and curious people. Nothing is kept of them: the kernel's
/// list of mounts has the name in the place of the device.
/// </summary>
public sealed class HostMounts(DaemonOptions options, SnapshotService snapshots)
{
    private readonly string _source = $"wharf-{options.InstanceTag}:";
    private readonly string _root = Path.Combine(options.ExecRoot, "mounts");

    /// <summary>Mounts the directories (uppermost first) at a directory of the host, or at one of our own where none is named.</summary>
    public HostMount Mount(string name, IReadOnlyList<string> directories, string? place)
    {
        if (place is null)
        {
            place = Path.Combine(_root, name.Replace('/', '_'));
            if (List().Find(mount => mount.Path == place) is { } there) return there;
            Directory.CreateDirectory(place, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        if (!Path.IsPathRooted(place)) throw WharfException.Invalid($"invalid mount path: '{place}' mount path must be absolute");
        using var target = Open(place);
        using var tree = snapshots.OpenView(directories, _source + name) ?? throw WharfException.Invalid($"{name} has no files to mount");
        MountTree.Attach(tree, target, place);
        return new HostMount { Name = name, Path = place };
    }

    private static Fd Open(string place)
    {
        try { return OpenAt.Open(place, O.PATH | O.DIRECTORY); }
        catch (SyscallException error) { throw WharfException.Invalid($"cannot mount at {place}: {error.Message}", error); }
    }

    /// <summary>Takes down what is mounted under a name or at a path.</summary>
    public void Unmount(string nameOrPath)
    {
        var mounts = List().FindAll(mount => mount.Name == nameOrPath || mount.Path == nameOrPath);
        if (mounts.Count == 0) throw WharfException.NotFound($"{nameOrPath} is not mounted");
        foreach (var mount in mounts)
        {
            SyscallException.Check(Libc.umount2(mount.Path, MountFlags.MNT_DETACH | MountFlags.UMOUNT_NOFOLLOW), "umount2", mount.Path);
            if (mount.Path.StartsWith(_root + "/", StringComparison.Ordinal)) Directory.Delete(mount.Path);
        }
    }

    public List<HostMount> List() =>
        [.. MountInfo.All().Where(mount => mount.Source.StartsWith(_source, StringComparison.Ordinal)).Select(mount => new HostMount { Name = mount.Source[_source.Length..], Path = mount.Place })];
}
